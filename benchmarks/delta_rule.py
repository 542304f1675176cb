"""The chunked delta rule beside that of transformers, forward and backward, on one thread.

    python benchmarks/delta_rule.py

Prints milliseconds of CPU time, the least of several runs that take turns, and the ratio. All rows
have 128 channels of keys and of values, thus a model of width 128, and 4,096 tokens a batch.
"""

import time
from collections.abc import Callable

import torch
from torch import Tensor
from transformers.models.kimi_linear.modeling_kimi_linear import chunk_kimi_delta_attention
from transformers.models.qwen3_next.modeling_qwen3_next import torch_chunk_gated_delta_rule

from aira_dsl.primitives.common.delta_rule import Operands, chunk_for, delta_rule

SHAPES = [(16, 256, 4), (4, 1024, 4), (32, 128, 4), (16, 256, 2), (16, 256, 1)]
"""Sequences, tokens of each, heads."""
WIDTH = 128


def operands_of(batch: int, length: int, heads: int, decays: int) -> Operands:
    generator = torch.Generator().manual_seed(0)
    q, k, v = (
        torch.randn(batch, length, heads, WIDTH // heads, generator=generator) for _ in range(3)
    )
    decay = -torch.rand(batch, length, heads, decays, generator=generator)
    beta = torch.rand(batch, length, heads, generator=generator)
    return Operands(*(each.requires_grad_() for each in (q, k, v, decay, beta)))


def ours(operands: Operands) -> Tensor:
    return delta_rule(operands, chunk=chunk_for(operands.q_BLHK.shape[-1]))[0]


def gated_delta_rule(operands: Operands) -> Tensor:
    q, k, v, decay, beta = operands
    o_BLHV, _ = torch_chunk_gated_delta_rule(
        q, k, v, g=decay.squeeze(-1), beta=beta, use_qk_l2norm_in_kernel=True
    )
    return o_BLHV


def kimi_delta_attention(operands: Operands) -> Tensor:
    q, k, v, decay, beta = operands
    o_BLHV, _ = chunk_kimi_delta_attention(
        q, k, v, g=decay, beta=beta, use_qk_l2norm_in_kernel=True
    )
    return o_BLHV


def milliseconds(
    rules: list[Callable[[Operands], Tensor]], operands: Operands, runs: int
) -> list[float]:
    """Return the least CPU time of each; a busy machine slows the turns of all of them."""
    grad = torch.randn(operands.v_BLHV.shape)
    taken: list[list[float]] = [[] for _ in rules]
    for _ in range(runs):
        for rule, times in zip(rules, taken, strict=True):
            started = time.process_time()
            torch.autograd.grad(rule(operands), list(operands), grad)
            times.append(1e3 * (time.process_time() - started))
    return [min(times) for times in taken]


def main() -> None:
    torch.set_num_threads(1)
    print(f"torch {torch.__version__}, one thread, forward and backward, ms\n")
    print("| decay | batch × length | heads × size | transformers | aira-dsl | ratio |")
    print("|---|---|---|---|---|---|")
    for name, decays, theirs, runs in (
        ("token", 0, gated_delta_rule, 15),
        ("channel", WIDTH, kimi_delta_attention, 3),
    ):
        for batch, length, heads in SHAPES:
            operands = operands_of(batch, length, heads, max(1, decays // heads))
            slow, quick = milliseconds([theirs, ours], operands, runs)
            sizes = f"{batch} × {length} | {heads} × {WIDTH // heads}"
            print(f"| {name} | {sizes} | {slow:.1f} | {quick:.1f} | {slow / quick:.2f} |")


if __name__ == "__main__":
    main()
