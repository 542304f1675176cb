"""The paper's sizes (§3.2): what a design of attention, MLP and Mamba-2 becomes at 350M, 1B and 3B.

A file's own `scale` of the same name goes first; these are for files without one. The dimensions
are those of the tables, where text and tables differ: at 3B the counts of designs with Mamba-2 need
8 key-value heads of 128, and the text says 96.
"""

from dataclasses import dataclass
from typing import Literal

from aira_dsl.architecture import Architecture, Scale
from aira_dsl.errors import UsageError
from aira_dsl.primitives import MLP, Attention, Block, Mamba2

How = Literal["stretch", "stack"]

VOCAB, CONTEXT = 128_256, 8_192
KV_HEADS, SSM_HEAD_DIM, CONV = 8, 64, 4
ROPE = 500_000.0  # not in the paper; Llama 3's, as the same group's sibling paper uses it


@dataclass(frozen=True)
class Size:
    """One column of the paper's table of dimensions.

    Attributes:
        parameters: what to extrapolate to, without embeddings.
        width: model dimension.
        heads, head_dim: of attention; always 8 key-value heads.
        hidden: of SwiGLU in designs without Mamba-2.
        hybrid_hidden: of SwiGLU in designs with Mamba-2.
        inner, state: of Mamba-2; heads of 64, one group, convolution 4.
    """

    parameters: int
    width: int
    heads: int
    head_dim: int
    hidden: int
    hybrid_hidden: int
    inner: int
    state: int


SIZES = {
    "350m": Size(350_000_000, 1536, 24, 64, 4096, 6144, 3072, 128),
    "1b": Size(1_000_000_000, 2048, 32, 64, 8192, 8192, 4096, 128),
    "3b": Size(3_000_000_000, 3072, 24, 128, 8192, 12288, 6144, 256),
}


def extrapolate(architecture: Architecture, to: str, *, how: How | None = None) -> Architecture:
    """Return a design at a larger size.

    Args:
        architecture: a searched design.
        to: one of its own scales, or `350m`, `1b` or `3b`.
        how: `stretch` or `stack`; None for the scale's own way to its layers, or stretch.

    Raises:
        UsageError: E0225, no such scale, or one that `how` can not be applied to.
        InputError: E0223, no pattern reaches the size.
    """
    scale = architecture.scales.get(to) or sized(architecture, to)
    if how is not None:
        target = scale.parameters or (SIZES[to].parameters if to in SIZES else None)
        if target is None:
            raise UsageError(
                "E0225",
                f"scale {to} of {architecture.name} does not say what size to {how} to",
                help="add `parameters N` and `extrapolate` to it, or leave out --how",
            )
        scale = scale.replace(layers=None, extrapolate=how, parameters=target)
    return architecture.replace(scales={to: scale}).at(to)


def sized(architecture: Architecture, to: str) -> Scale:
    """Return one of the paper's sizes for the blocks of a design, stretched.

    Every attention block gets the size's heads (one without positions stays so), every MLP its
    SwiGLU, every Mamba-2 block its state.

    Raises:
        UsageError: E0225, for another name than 350m, 1b and 3b.
    """
    if to not in SIZES:
        own = f"{', '.join(architecture.scales)}; " if architecture.scales else ""
        raise UsageError(
            "E0225",
            f"{architecture.name} has no scale {to!r}",
            help=f"choose from {own}{', '.join(SIZES)}, or write a `scale {to} {{ … }}`",
        )
    size = SIZES[to]
    kinds = {architecture.blocks[name].kind for name in architecture.layers}
    hidden = size.hybrid_hidden if "mamba2" in kinds else size.hidden
    return Scale(
        width=size.width,
        vocab=VOCAB,
        context=CONTEXT,
        tie_embeddings=True,
        norm_eps=architecture.norm_eps,
        blocks={name: _enlarged(b, size, hidden) for name, b in architecture.blocks.items()},
        parameters=size.parameters,
        extrapolate="stretch",
    )


def _enlarged(block: Block, size: Size, hidden: int) -> Block:
    if isinstance(block, Attention):
        rope = None if block.rope is None else ROPE
        return Attention(heads=size.heads, kv_heads=KV_HEADS, head_dim=size.head_dim, rope=rope)
    if isinstance(block, MLP):
        return MLP(hidden=hidden, activation="swiglu")
    return Mamba2(inner=size.inner, state=size.state, head_dim=SSM_HEAD_DIM, conv=CONV)
