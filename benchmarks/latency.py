"""Predicted against measured latency of random stacks, on this machine.

    python -m benchmarks.latency --stacks 20

Random stacks over attention, MLP (SwiGLU) and Mamba-2. The three blocks are measured in one
mixture; each stack is predicted as the sum of its blocks, and measured as a whole. Printed are the
errors of prefill and decoding: the median of their absolute values, and the worst. Run it on a
machine that does nothing else.
"""

import argparse
import random
import statistics
from collections.abc import Sequence

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.here import measure_stacks
from aira_dsl.evaluation.latency.options import MeasuredOptions
from aira_dsl.evaluation.latency.result import Seconds
from aira_dsl.language import parse


def design(width: int) -> Architecture:
    """Return a design with the three blocks in the proportions of models of 1B parameters."""
    return parse(f"""
architecture blocks {{
  width {width}
  vocab 8192
  block A  = attention {{ heads {width // 32}, kv_heads {width // 64}, head_dim 32 }}
  block M  = mlp {{ hidden {width * 8 // 3 // 16 * 16}, activation swiglu }}
  block Mb = mamba2 {{ inner {2 * width}, state 64, head_dim 64 }}
  layers A-M-Mb
}}
""")


def random_stacks(count: int, slots: int, seed: int) -> list[list[str]]:
    """Return stacks in which each block of each layer is equally likely."""
    draw = random.Random(seed)
    return [[draw.choice(("A", "M", "Mb")) for _ in range(slots)] for _ in range(count)]


def errors(predicted: Sequence[Seconds], measured: Sequence[Seconds], phase: str) -> list[float]:
    """Return predicted / measured - 1 of every stack."""
    pairs = zip(predicted, measured, strict=True)
    return [getattr(first, phase) / getattr(second, phase) - 1 for first, second in pairs]


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--stacks", type=int, default=20)
    options.add_argument("--slots", type=int, default=16)
    options.add_argument("--width", type=int, default=256)
    options.add_argument("--context", type=int, default=256)
    options.add_argument("--batch", type=int, default=1)
    options.add_argument("--threads", type=int, default=1)
    options.add_argument("--rounds", type=int, default=20)
    options.add_argument("--seed", type=int, default=0)
    given = options.parse_args()
    stacks = random_stacks(given.stacks, given.slots, given.seed)
    times, measured = measure_stacks(
        design(given.width),
        stacks,
        MeasuredOptions(
            context=given.context,
            batch=given.batch,
            threads=given.threads,
            rounds=given.rounds,
        ),
    )
    predicted = [times.predict(layers) for layers in stacks]
    print("| A, M, Mb | prefill ms | error | decode ms | error |\n|---|---|---|---|---|")
    found = {phase: errors(predicted, measured, phase) for phase in ("prefill", "decode")}
    for row, (layers, whole) in enumerate(zip(stacks, measured, strict=True)):
        counts = ", ".join(str(layers.count(name)) for name in ("A", "M", "Mb"))
        cells = (
            f"{1e3 * whole.prefill:.2f} | {found['prefill'][row]:+.1%} | {1e3 * whole.decode:.3f}"
        )
        print(f"| {counts} | {cells} | {found['decode'][row]:+.1%} |")
    for phase, each in found.items():
        sizes = [abs(error) for error in each]
        print(f"{phase}: median {statistics.median(sizes):.1%}, worst {max(sizes):.1%}")


if __name__ == "__main__":
    main()
