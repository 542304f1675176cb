"""Mixers in checkpoints whose projections are fused, interleaved, separate or scaled."""

from collections.abc import Iterator

import torch
from torch import Tensor

from aira_dsl.interop.weights.links import Link, Part, View, concatenated, joined
from aira_dsl.primitives import Attention, Mamba2
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet

_IN = "in_proj_"


def fused_qkv(part: Part) -> Iterator[Link]:
    """Queries, keys and values of Phi 3 in one matrix."""
    names = [f"{name}_proj.weight" for name in "qkv"]
    yield from joined(part, "qkv_proj.weight", names)


def fused_gate_up(part: Part) -> Iterator[Link]:
    """Gate and up of Phi 3 in one matrix."""
    yield from joined(part, "gate_up_proj.weight", ("gate_proj.weight", "up_proj.weight"))


def gated_queries(part: Part) -> Iterator[Link]:
    """Attention of Qwen 3-Next: queries and gates take turns, head by head."""
    assert isinstance(part.block, Attention)
    heads = part.block.heads
    for kind in ("weight", "bias"):
        if f"q_proj.{kind}" not in part.ours:
            continue
        rows, *rest = part.ours[f"q_proj.{kind}"]
        for index, name in enumerate(("q_proj", "gate_proj")):
            if f"{name}.{kind}" in part.ours:
                yield Link(
                    f"q_proj.{kind}",
                    (2 * rows, *rest),
                    f"{name}.{kind}",
                    read=_turn(heads, index, 2),
                    part=_by_head(heads),
                )


def _turn(heads: int, index: int, count: int) -> View:
    return lambda tensor: torch.unflatten(tensor, 0, (heads, count, -1))[:, index]


def _by_head(heads: int) -> View:
    return lambda tensor: torch.unflatten(tensor, 0, (heads, -1))


def by_key_heads(part: Part) -> Iterator[Link]:
    """Delta nets of Qwen 3-Next: one matrix has q, k, v and z of each key head in turn.

    Another one has b and a.
    """
    block = part.block
    assert isinstance(block, GatedDeltaNet)
    keys, heads = block.key_heads * block.key_dim, block.key_heads
    rows = {"q": (0, keys), "k": (keys, keys), "v": (2 * keys, block.inner)}
    pieces = [(f"{_IN}qkv.weight", *each) for each in rows.values()]
    pieces.append((f"{_IN}z.weight", 0, block.inner))
    yield from _turns(part, f"{_IN}qkvz.weight", pieces, heads)
    steps = [(f"{_IN}{name}.weight", 0, block.value_heads) for name in "ba"]
    yield from _turns(part, f"{_IN}ba.weight", steps, heads)


def _turns(
    part: Part, theirs: str, pieces: list[tuple[str, int, int]], heads: int
) -> Iterator[Link]:
    """Yield links of rows of ours (name, first, number) that take turns in theirs, by head."""
    shape = (sum(size for *_, size in pieces), *part.ours[pieces[0][0]][1:])
    start = 0
    for name, first, size in pieces:
        each = size // heads
        yield Link(
            theirs,
            shape,
            name,
            read=_columns(heads, start, each),
            part=_rows_by_head(heads, first, size),
        )
        start += each


def _columns(heads: int, start: int, size: int) -> View:
    return lambda tensor: torch.unflatten(tensor, 0, (heads, -1))[:, start : start + size]


def _rows_by_head(heads: int, first: int, size: int) -> View:
    return lambda tensor: torch.unflatten(tensor.narrow(0, first, size), 0, (heads, -1))


def separate_delta(part: Part) -> Iterator[Link]:
    """Delta nets of OLMo Hybrid: q, k and v have projections and convolutions of their own."""
    block = part.block
    assert isinstance(block, GatedDeltaNet)
    keys = block.key_heads * block.key_dim
    yield from _separate(part, [keys, keys, block.inner])


def separate_kda(part: Part) -> Iterator[Link]:
    """Kimi delta attention: the same, and the decays with axes of batch, length and channels."""
    rows = part.ours["in_proj_qkv.weight"][0] // 3
    yield from _separate(part, [rows] * 3)
    shape = (1, 1, *part.ours["A_log"], 1)
    yield Link("A_log", shape, "A_log", read=Tensor.flatten)


def _separate(part: Part, sizes: list[int]) -> Iterator[Link]:
    names = [f"{name}_proj.weight" for name in "qkv"]
    yield from concatenated(part, "in_proj_qkv.weight", names, sizes)
    # transformers cuts convolutions into thirds, whatever their channels belong to.
    names = [f"{name}_conv1d.weight" for name in "qkv"]
    cut = [part.found.get(name, (0,))[0] for name in names]
    yield from concatenated(part, "conv1d.weight", names, cut if sum(cut) == sum(sizes) else sizes)


def scaled_mamba2(part: Part) -> Iterator[Link]:
    """Mamba-2 of Falcon-H1: ours has the multipliers of the projection in its weights."""
    block, config = part.block, part.config
    assert isinstance(block, Mamba2)
    states = block.groups * block.state
    sizes = [block.inner, block.inner, states, states, block.heads]
    factors = config.get("ssm_multipliers") or [1.0] * len(sizes)
    for kind, factor in (("weight", config.get("ssm_in_multiplier", 1.0)), ("bias", 1.0)):
        name = f"in_proj.{kind}"
        for index, size in enumerate(sizes if name in part.ours else ()):
            rows = _rows(sum(sizes[:index]), size)
            yield Link(name, part.ours[name], name, rows, rows, factor * factors[index])


def scaled_gate(part: Part) -> Iterator[Link]:
    """Feed-forward layers of Falcon-H1: ours has the multiplier of the gate in its weights."""
    factor = (part.config.get("mlp_multipliers") or [1.0])[0]
    for name in ("gate_proj.weight", "gate_proj.bias"):
        if name in part.ours:
            yield Link(name, part.ours[name], name, factor=factor)


def _rows(start: int, size: int) -> View:
    return lambda tensor: tensor.narrow(0, start, size)
