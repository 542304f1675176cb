"""Rules about several parameters of an attention block; each problem is (field, message, help)."""

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING

from aira_dsl.primitives.common.rope_options import OF_SCALING, scaling_problems

if TYPE_CHECKING:
    from aira_dsl.primitives.attention.spec import Attention

Problem = tuple[str, str, str]

_OF_ROPE = ("rotary", "interleaved", "rope_scaling")


def head_problems(block: "Attention", width: int) -> Iterator[Problem]:
    """Check that heads divide the width, and that groups are equal."""
    assert block.kv_heads is not None, "resolve the block first"
    if block.heads % block.kv_heads:
        yield (
            "kv_heads",
            f"heads {block.heads} is not a multiple of kv_heads {block.kv_heads}",
            f"use kv_heads {_nearest(_divisors(block.heads), block.kv_heads)}",
        )
    if block.head_dim is None:
        message = f"width {width} is not divisible by heads {block.heads}"
        yield "heads", message, _other_heads(block, width)


def option_problems(block: "Attention") -> Iterator[Problem]:
    """Check options against each other."""
    used = block.used_options()
    if block.window is not None and block.chunk is not None:
        message = f"it has chunk {block.chunk} and window {block.window}"
        yield "chunk", message, "keep one of them"
    if block.keys_are_values and block.value_dim is not None:
        message = f"values are the keys of head_dim {block.head_dim}, not of {block.value_dim}"
        yield "value_dim", message, "leave out value_dim, or keys_are_values"
    if "gate_activation" in used and block.gate is None:
        yield "gate_activation", "there is no gate to activate", "add `gate head` or `gate element`"
    if block.rope is None:
        for name in (*_OF_ROPE, *OF_SCALING):
            if name in used:
                yield name, f"{name} needs rope, which is none", f"leave out {name}, or give rope"
        return
    yield from scaling_problems(block, used)
    if block.head_dim is not None:
        yield from _pair_problems(block, block.head_dim)


def _pair_problems(block: "Attention", head_dim: int) -> Iterator[Problem]:
    channels = block.rope_options.channels(head_dim)
    if channels == head_dim and channels % 2:
        message = f"rope rotates pairs, but head_dim is {head_dim}"
        yield "rope", message, "use an even head_dim, or rope none"
    elif channels % 2 or not channels:
        message = f"rotary {block.rotary:g} of head_dim {head_dim} is {channels} channels"
        nearest = math.ceil(1e4 * max(2, channels - 1) / head_dim) / 1e4
        yield "rotary", f"rope rotates pairs, but {message}", f"use rotary {nearest:g}"


def _other_heads(block: "Attention", width: int) -> str:
    """Advise the nearest number of heads with which the block is legal, if there is one."""
    assert block.kv_heads is not None, "resolve the block first"
    fitting = [
        heads
        for heads in _divisors(width)
        if heads % block.kv_heads == 0 or block.kv_heads == block.heads
        if block.rope is None or width // heads % 2 == 0
    ]
    if not fitting:
        return "give head_dim"
    return f"use heads {_nearest(fitting, block.heads)}, or give head_dim"


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def _nearest(numbers: list[int], wanted: int) -> int:
    """Return the number nearest to `wanted`, the smaller one of a tie."""
    return min(numbers, key=lambda each: (abs(each - wanted), each))
