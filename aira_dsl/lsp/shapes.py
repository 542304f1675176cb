"""The weights of a block by name and shape, for hover; torch is not asked.

A kind that is not here is shown without them. A test counts that they are all of a block's
parameters.
"""

from collections.abc import Callable

from aira_dsl.primitives import MLP, Attention, Mamba2, Primitive

Shapes = dict[str, tuple[int, ...]]
"""Shapes of weights; of a matrix, inputs first."""


def shapes(block: Primitive, width: int) -> Shapes:
    """Return the shapes of a resolved block's weights, in the order in which they are used."""
    known: dict[type[Primitive], Callable[..., Shapes]] = {
        Attention: _attention,
        MLP: _mlp,
        Mamba2: _mamba2,
    }
    described = known.get(type(block))
    return {} if described is None else described(block, width)


def _attention(block: Attention, width: int) -> Shapes:
    assert block.head_dim is not None, "resolve the block first"
    assert block.kv_heads is not None, "resolve the block first"
    queries, keys = block.heads * block.head_dim, block.kv_heads * block.head_dim
    return {"q": (width, queries), "k": (width, keys), "v": (width, keys), "o": (queries, width)}


def _mlp(block: MLP, width: int) -> Shapes:
    gate: Shapes = {"gate": (width, block.hidden)} if block.activation == "swiglu" else {}
    return {**gate, "up": (width, block.hidden), "down": (block.hidden, width)}


def _mamba2(block: Mamba2, width: int) -> Shapes:
    return {
        "in_proj": (width, block.projection),
        "conv": (block.conv_channels, block.conv),
        "conv bias": (block.conv_channels,),
        "dt_bias": (block.heads,),
        "A_log": (block.heads,),
        "D": (block.heads,),
        "norm": (block.inner,),
        "out_proj": (block.inner, width),
    }
