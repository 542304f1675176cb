"""A design at a size: the same order of layers, with the width that has the wanted parameters.

All dimensions of the blocks follow from the width in fixed proportions, the same for every design,
so that designs differ by the order of their layers and not by their blocks. The paper (§3.2) does
the reverse: its designs share a width, and their depth follows from the parameters by stretching or
stacking. At sixteen layers that is too coarse: a run of one layer cannot be stretched by 1.3. A
size may be stretched or stacked by a factor before its width is chosen.
"""

from collections.abc import Sequence
from fractions import Fraction
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.architecture import Architecture
from aira_dsl.architecture.scales import How, stack, stretch
from aira_dsl.errors import InputError
from aira_dsl.primitives.base import Dimensions

MAX_WIDTH = 1 << 14
_TOLERANCE = 1.5


class Proportions(BaseModel):
    """Dimensions of blocks as multiples of the width, or fixed.

    Attributes:
        step: the width is a multiple of this.
        head_dim: channels of an attention head; there are width / head_dim heads, rounded.
        kv_groups: query heads that share a key and value head, where they can be divided so.
        hidden: hidden units of SwiGLU as a multiple of the width (paper §3.2: 8/3), rounded to 8.
        inner: inner width of recurrent blocks as a multiple of the width (paper: 2), rounded to
            whole heads.
        state, ssm_head_dim, conv: of state-space models.
        rope: base of rotary positions; a block without positions stays without them.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    step: Annotated[int, Field(ge=1, le=256)] = 4
    head_dim: Annotated[int, Field(ge=2, le=256, multiple_of=2)] = 16
    kv_groups: Annotated[int, Field(ge=1, le=64)] = 1
    hidden: Annotated[float, Field(gt=0, le=16)] = 8 / 3
    inner: Annotated[float, Field(gt=0, le=16)] = 2.0
    state: Annotated[int, Field(ge=1, le=1024)] = 16
    ssm_head_dim: Annotated[int, Field(ge=1, le=256)] = 16
    conv: Annotated[int, Field(ge=1, le=16)] = 4
    rope: Annotated[float, Field(gt=1)] = 10_000.0

    def dimensions(self, width: int) -> Dimensions:
        """Return the dimensions of blocks at a width."""
        heads = _rounded(width, self.head_dim)
        shared = self.kv_groups if heads % self.kv_groups == 0 else 1
        return Dimensions(
            heads=heads,
            kv_heads=heads // shared,
            head_dim=self.head_dim,
            rope=self.rope,
            hidden=8 * _rounded(self.hidden * width, 8),
            inner=self.ssm_head_dim * _rounded(self.inner * width, self.ssm_head_dim),
            state=self.state,
            ssm_head_dim=self.ssm_head_dim,
            conv=self.conv,
        )


def sized(
    design: Architecture,
    parameters: int,
    proportions: Proportions,
    *,
    how: How = "stretch",
    factor: Fraction | int = 1,
) -> Architecture:
    """Return a design at the width whose parameters are nearest to the wanted number.

    Args:
        design: any architecture; its vocabulary, context and norms are kept.
        parameters: wanted parameters, without embeddings and head.
        proportions: dimensions of the blocks.
        how, factor: how its layers are extended first; a factor of 1 keeps them.

    Raises:
        InputError: E1605, a block has no rule for sizes, or no width is near enough.
    """
    extend = stretch if how == "stretch" else stack
    try:
        layers = extend(design.layers, factor)
    except ValueError as error:
        raise InputError("E1605", f"{design.name} times {factor}: {error}") from None
    base = design.replace(layers=layers, scales={})
    widths = range(proportions.step, MAX_WIDTH + 1, proportions.step)
    nearest = _nearest(base, widths, parameters, proportions)
    got = nearest.stack_parameters(nearest.layers)
    if not parameters / _TOLERANCE < got < parameters * _TOLERANCE:
        raise InputError(
            "E1605",
            f"{design.name} cannot have {parameters:,} parameters: the nearest is {got:,}, with "
            f"width {nearest.width} and {nearest.depth} layers",
            help="choose another size, or a smaller `step` of the width",
        )
    return nearest


def at_width(design: Architecture, width: int, proportions: Proportions) -> Architecture:
    """Return a design at a width.

    Raises:
        InputError: E1605, a block has no rule for sizes.
    """
    dimensions = proportions.dimensions(width)
    blocks = {name: block.enlarge(dimensions) for name, block in design.blocks.items()}
    for name, block in blocks.items():
        if block is None:
            kind = design.blocks[name].kind
            raise InputError(
                "E1605",
                f"{design.name}, block {name}: there is no rule for the size of {kind} blocks",
                help="give the class of the block a method `at`",
            )
    return design.replace(width=width, blocks=blocks)


def _nearest(
    design: Architecture, widths: Sequence[int], parameters: int, proportions: Proportions
) -> Architecture:
    """Return the design at one of the widths; parameters grow with the width."""
    low, high = 0, len(widths) - 1  # the answer is `low` or the one before it
    while low < high:
        middle = (low + high) // 2
        found = at_width(design, widths[middle], proportions)
        if found.stack_parameters(found.layers) < parameters:
            low = middle + 1
        else:
            high = middle
    near = [at_width(design, widths[place], proportions) for place in {max(low - 1, 0), low}]
    return min(near, key=lambda each: (_off(each, parameters), each.width))


def _off(design: Architecture, parameters: int) -> float:
    got = design.stack_parameters(design.layers)
    return max(got / parameters, parameters / got)


def _rounded(value: float, unit: float) -> int:
    """Return a value in whole units, at least one."""
    return max(1, round(value / unit))
