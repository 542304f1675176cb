"""Attention over windows and chunks: time of one layer as the context grows, on one thread.

    python benchmarks/window.py [--contexts 512 1024 2048 4096]

Prints milliseconds of CPU time, the best of several runs: of a training step on one sequence, by
PyTorch and by the compiled kernels, and of decoding one token after a context, with the number of
tokens that the cache then keeps.
"""

import argparse
import time
from collections.abc import Callable

import torch
from torch import Tensor

from aira_dsl.models.cpu_model import run_mixer
from aira_dsl.primitives import Attention
from aira_dsl.primitives.common.mixer import Mixer
from aira_dsl.primitives.registry import make_mixer

WIDTH, RUNS = 256, 5
REACHES = {"all": {}, "window 128": {"window": 128}, "chunk 128": {"chunk": 128}}


def milliseconds(action: Callable[[], object]) -> float:
    """Time an action in CPU seconds of this process; the best run is disturbed least."""
    taken = []
    for _ in range(RUNS):
        started = time.process_time()
        action()
        taken.append(time.process_time() - started)
    return 1e3 * min(taken)


def training(run: Callable[[Mixer, Tensor], Tensor], mixer: Mixer, context: int) -> float:
    """Time a training step on one sequence."""
    x_BLD = torch.randn(1, context, WIDTH).requires_grad_()
    return milliseconds(lambda: run(mixer, x_BLD).sum().backward())  # type: ignore[no-untyped-call]


@torch.inference_mode()
def decoding(mixer: Mixer, context: int) -> tuple[float, int]:
    """Time ten tokens after a context; return milliseconds a token and tokens in the cache."""
    cache = mixer.new_cache(1)
    mixer(torch.randn(1, context, WIDTH), cache)
    token_B1D = torch.randn(1, 1, WIDTH)
    taken = milliseconds(lambda: [mixer(token_B1D, cache) for _ in range(10)])
    return taken / 10, cache.length  # type: ignore[union-attr]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--contexts", type=int, nargs="+", default=[512, 1024, 2048, 4096])
    contexts = parser.parse_args().contexts
    torch.set_num_threads(1)
    print("| layer | " + " | ".join(f"{context:,}" for context in contexts) + " |")
    for name, options in REACHES.items():
        mixer = make_mixer(Attention(heads=8, **options).resolve(WIDTH), WIDTH)
        runs = {"PyTorch": lambda mixer, x_BLD: mixer(x_BLD), "kernels": run_mixer}
        for how, run in runs.items():
            if how == "PyTorch" or "chunk" not in options:  # no kernel knows chunks
                cells = [f"{training(run, mixer, context):.1f}" for context in contexts]
                print(f"| training, {name}, {how} | " + " | ".join(cells) + " |")
        cells = ["{:.2f}, {:,} kept".format(*decoding(mixer, context)) for context in contexts]
        print(f"| decoding, {name} | " + " | ".join(cells) + " |")


if __name__ == "__main__":
    main()
