"""Mixtures of experts in checkpoints: one by one, stacked, transposed, gate and up in one."""

from collections.abc import Iterator
from operator import itemgetter

from aira_dsl.interop.weights.links import Link, Part, View, joined

_GATE_UP = ("experts.gate_proj.weight", "experts.up_proj.weight")
_DOWN = "experts.down_proj.weight"


def experts(part: Part) -> Iterator[Link]:
    """Experts one by one, as Qwen and DeepSeek name them, or stacked, as transformers has them."""
    if "experts.gate_up_proj" in part.found:
        yield from joined(part, "experts.gate_up_proj", _GATE_UP, dim=1)
        yield Link("experts.down_proj", part.ours[_DOWN], _DOWN)
    else:
        yield from _each(part, {"gate_proj": "gate_proj", "up_proj": "up_proj"}, "down_proj")


def numbered_experts(part: Part) -> Iterator[Link]:
    """Experts one by one, as Mixtral names them: w1 the gate, w3 up, w2 down."""
    yield from _each(part, {"gate_proj": "w1", "up_proj": "w3"}, "w2")


def _each(part: Part, inner: dict[str, str], down: str) -> Iterator[Link]:
    for name, theirs in {**inner, "down_proj": down}.items():
        ours = f"experts.{name}.weight"
        if ours in part.ours:
            count, *shape = part.ours[ours]
            for index in range(count):
                yield Link(
                    f"experts.{index}.{theirs}.weight",
                    tuple(shape),
                    ours,
                    part=itemgetter(index),
                )


def clamped_experts(part: Part) -> Iterator[Link]:
    """Experts of gpt-oss: transposed, gate and up take turns."""
    count, hidden, width = part.ours[_GATE_UP[0]]
    for index, name in enumerate(("gate_proj", "up_proj")):
        shape, weight = (count, width, 2 * hidden), f"experts.{name}.weight"
        yield Link("experts.gate_up_proj", shape, weight, read=_every_second_column(index))
        bias = f"experts.{name}.bias"
        yield Link(
            "experts.gate_up_proj_bias", (count, 2 * hidden), bias, read=_every_second(index)
        )
    yield Link("experts.down_proj", (count, hidden, width), _DOWN, read=lambda tensor: tensor.mT)


def transposed_experts(part: Part) -> Iterator[Link]:
    """Experts of Llama 4: stacked and transposed, gate and up side by side."""
    count, hidden, width = part.ours[_GATE_UP[0]]
    for index, name in enumerate(_GATE_UP):
        half = _half(index * hidden, hidden)
        yield Link("experts.gate_up_proj", (count, width, 2 * hidden), name, read=half)
    yield Link("experts.down_proj", (count, hidden, width), _DOWN, read=lambda tensor: tensor.mT)


def _half(start: int, size: int) -> View:
    return lambda tensor: tensor.narrow(2, start, size).mT


def _every_second(first: int) -> View:
    return lambda tensor: tensor[..., first::2]


def _every_second_column(first: int) -> View:
    return lambda tensor: tensor[..., first::2].mT


def granite_feed_forward(part: Part) -> Iterator[Link]:
    """Granite's experts and the expert that all tokens share: gate and up in one matrix."""
    if _DOWN in part.ours:
        yield from joined(part, "block_sparse_moe.input_linear.weight", _GATE_UP, dim=1)
        shared = tuple(f"shared_expert.{name}.weight" for name in ("gate_proj", "up_proj"))
    else:
        shared = ("gate_proj.weight", "up_proj.weight")
    if shared[0] in part.ours:
        yield from joined(part, "shared_mlp.input_linear.weight", shared)
