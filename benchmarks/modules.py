"""Alternatives inside the modules, timed one after another on one thread.

    python benchmarks/modules.py

Prints, for forward and backward together, the best of several runs in milliseconds: the
convolution in use and its alternatives, the scan at several chunk sizes, attention with and without
padded heads, and one layer of each primitive.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor, nn

from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.primitives.attention.attend import Attending, Heads, attend
from aira_dsl.primitives.common.convolution import _convolve
from aira_dsl.primitives.common.ssd import Operands, ssd
from aira_dsl.primitives.registry import make_mixer

RUNS = 9


def milliseconds(action: Callable[[], Tensor]) -> float:
    """Time forward and backward; the best run is disturbed least."""
    taken = []
    for _ in range(RUNS):
        started = time.perf_counter()
        action().sum().backward()
        taken.append(time.perf_counter() - started)
    return 1e3 * min(taken)


def row(name: str, **timed: float) -> None:
    print(f"| {name} | " + "; ".join(f"{what} {ms:.1f}" for what, ms in timed.items()) + " |")


def shifted(x_BLC: Tensor, weight_C1K: Tensor, bias_C: Tensor) -> Tensor:
    """The convolution as four shifted multiply-adds."""
    kernel, length = weight_C1K.shape[-1], x_BLC.shape[1]
    padded = nn.functional.pad(x_BLC, (0, 0, kernel - 1, 0))
    return bias_C + sum(padded[:, k : k + length] * weight_C1K[:, 0, k] for k in range(kernel))


def conv1d(x_BLC: Tensor, weight_C1K: Tensor, bias_C: Tensor) -> Tensor:
    """The convolution by torch's own function for it."""
    padded_BCL = nn.functional.pad(x_BLC.transpose(1, 2), (weight_C1K.shape[-1] - 1, 0))
    return nn.functional.conv1d(padded_BCL, weight_C1K, bias_C, groups=len(bias_C)).transpose(1, 2)


def convolution() -> None:
    x, weight, bias = torch.randn(64, 256, 168), torch.randn(168, 1, 4), torch.randn(168)
    for tensor in (x, weight, bias):
        tensor.requires_grad_()
    padded = nn.functional.pad(x.detach(), (0, 0, 3, 0)).requires_grad_()
    row(
        "convolution, batch 64 × 256, 168 channels",
        chosen=milliseconds(lambda: _convolve(padded, weight, bias)),
        conv1d=milliseconds(lambda: conv1d(x, weight, bias)),
        shifted=milliseconds(lambda: shifted(x, weight, bias)),
    )


def scan(batch: int, length: int, heads: int, head_dim: int, state: int) -> None:
    operands = Operands(
        torch.randn(batch, length, heads, head_dim).requires_grad_(),
        torch.rand(batch, length, heads).requires_grad_(),
        -torch.rand(heads),
        torch.randn(batch, length, 1, state).requires_grad_(),
        torch.randn(batch, length, 1, state).requires_grad_(),
        torch.ones(heads),
    )

    def run(chunk: int) -> Callable[[], Tensor]:
        return lambda: ssd(operands, chunk=chunk)[0]

    row(
        f"scan, batch {batch} × {length}, {heads} heads of {head_dim}, state {state}, by chunk",
        **{f"{chunk}:": milliseconds(run(chunk)) for chunk in (8, 16, 32, 64)},
    )


def attention() -> None:
    q, k, v = (torch.randn(64, 16, 128, 8).requires_grad_() for _ in range(3))
    sdpa = nn.functional.scaled_dot_product_attention
    row(
        "attention, batch 64 × 128, 16 heads of 8",
        chosen=milliseconds(lambda: attend(Heads(q, k, v, None), 0, Attending(8**-0.5))),
        plain=milliseconds(lambda: sdpa(q, k, v, is_causal=True)),
    )


def layers() -> None:
    blocks = {"attention": Attention(), "mlp": MLP(), "mamba2": Mamba2()}
    for batch, length in ((16, 32), (64, 128)):
        x = torch.randn(batch, length, 128)
        timed = {}
        for name, block in blocks.items():
            mixer = make_mixer(block.resolve(128), 128).to_empty(device="cpu")
            mixer.init_weights(torch.Generator().manual_seed(0), 16)
            timed[name] = milliseconds(lambda mixer=mixer, x=x: mixer(x, None))
        row(f"one layer, batch {batch} × {length}", **timed)


def chunks() -> None:
    mixer = make_mixer(Mamba2(), 128).to_empty(device="cpu")
    mixer.init_weights(torch.Generator().manual_seed(0), 16)
    x = torch.randn(64, 128, 128)
    timed = {}
    for chunk in (8, 16, 32, 64):
        mixer.chunk = chunk
        timed[f"{chunk}:"] = milliseconds(lambda: mixer(x, None))
    row("one mamba2 layer, batch 64 × 128, state 4, by chunk", **timed)


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, forward and backward, best of {RUNS}, ms\n")
    print("| what | ms |\n|---|---|")
    convolution()
    scan(64, 128, 5, 32, 4)
    scan(4, 256, 8, 64, 128)
    attention()
    layers()
    chunks()


if __name__ == "__main__":
    main()
