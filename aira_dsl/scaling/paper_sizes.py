"""The paper's sizes (§3.2): the dimensions of a design at 350M, 1B and 3B parameters.

A file's own `scale` of the same name has precedence; these are for files without one. Where text
and tables of the paper differ, the dimensions are those of the tables: at 3B the counts of designs
with Mamba-2 need 8 key-value heads of 128, and the text says 96.
"""

from dataclasses import dataclass
from typing import Literal

from aira_dsl.architecture import SETTINGS, Architecture, Scale
from aira_dsl.errors import UsageError
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.base import Dimensions

How = Literal["stretch", "stack"]

VOCAB, CONTEXT = 128_256, 8_192
KV_HEADS, SSM_HEAD_DIM, CONV = 8, 64, 4
ROPE = 500_000.0  # not in the paper; Llama 3's, as the same group's sibling paper uses it


@dataclass(frozen=True)
class Size:
    """One column of the paper's table of dimensions.

    Attributes:
        parameters: parameters to extrapolate to, without embeddings.
        width: model dimension.
        heads, head_dim: of attention; always 8 key-value heads.
        hidden: of SwiGLU in designs without recurrent layers.
        hybrid_hidden: of SwiGLU in designs with recurrent layers (the paper's: Mamba-2).
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

    def dimensions(self, *, hybrid: bool) -> Dimensions:
        """Return the dimensions of the blocks of a design with or without recurrent layers."""
        return Dimensions(
            heads=self.heads,
            kv_heads=KV_HEADS,
            head_dim=self.head_dim,
            rope=ROPE,
            hidden=self.hybrid_hidden if hybrid else self.hidden,
            inner=self.inner,
            state=self.state,
            ssm_head_dim=SSM_HEAD_DIM,
            conv=CONV,
        )


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
        UsageError: E0225, no such scale, or one that `how` cannot be applied to.
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
        UsageError: E0225, for another name than 350m, 1b and 3b, or a block of a kind that has no
            rule for sizes.
    """
    if to not in SIZES:
        own = f"{', '.join(architecture.scales)}; " if architecture.scales else ""
        raise UsageError(
            "E0225",
            f"{architecture.name} has no scale {to!r}",
            help=f"choose from {own}{', '.join(SIZES)}, or write a `scale {to} {{ … }}`",
        )
    size = SIZES[to]
    blocks = [architecture.block_of(name) for name in architecture.layers]
    hybrid = any(block.recurrent_elements(architecture.width) for block in blocks)
    dimensions = size.dimensions(hybrid=hybrid)
    settings = {name: getattr(architecture, name) for name in SETTINGS}
    settings |= {"width": size.width, "vocab": VOCAB, "context": CONTEXT, "tie_embeddings": True}
    return Scale(
        **settings,
        blocks={name: _enlarged(b, dimensions, to) for name, b in architecture.blocks.items()},
        parameters=size.parameters,
        extrapolate="stretch",
    )


def _enlarged(block: Primitive, dimensions: Dimensions, to: str) -> Primitive:
    enlarged = block.enlarge(dimensions)
    if enlarged is None:
        raise UsageError(
            "E0225",
            f"there is no rule for {block.kind} blocks at {to}",
            help=f"write a `scale {to} {{ … }}` with the dimensions of each block",
        )
    return enlarged
