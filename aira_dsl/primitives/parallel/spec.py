"""Parallel layers: several mixers read one norm, and their outputs are added.

Not a kind of block: a pattern writes `(A|Mb)` over blocks, and the value names the layer `A|Mb`.
"""

from typing import ClassVar, Literal

from pydantic import SerializeAsAny

from aira_dsl.primitives.base import Color, Convention, Primitive, Weights

BAR = "|"
"""Between the names of the blocks of a parallel layer."""


def branches_of(layer: str) -> list[str]:
    """Return the names of the blocks of a layer: `A` of `A`, `A` and `Mb` of `A|Mb`."""
    return layer.split(BAR)


AGREED = ("norm", "stream_scale", "tied")
"""Parameters that all blocks of a parallel layer have in common."""


class Parallel(Primitive):
    """The sum of s_i·f_i(x) over the branches, with the scale s_i of each branch's block."""

    symbol: ClassVar[str] = "∥"
    color: ClassVar[Color] = "bright_yellow"

    kind: Literal["parallel"] = "parallel"
    branches: tuple[SerializeAsAny[Primitive], ...]
    """Resolved blocks; those of `AGREED` are equal in all of them."""

    @classmethod
    def of(cls, branches: tuple[Primitive, ...]) -> "Parallel":
        """Return the layer of these blocks, with what they agree on."""
        return cls(branches=branches, **{key: getattr(branches[0], key) for key in AGREED})

    @property
    def parts(self) -> "tuple[Primitive, ...]":
        """The branches."""
        return self.branches

    def weights(self, width: int) -> Weights:
        """Return the weights of all branches."""
        return {
            f"branches.{index}.{name}": shape
            for index, branch in enumerate(self.branches)
            for name, shape in branch.weights(width).items()
        }

    def active_parameters(self, width: int) -> int:
        """Add up the branches."""
        return sum(branch.active_parameters(width) for branch in self.branches)

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Add up the branches."""
        return sum(each.training_flops(width, context, convention) for each in self.branches)

    def prefill_flops(self, width: int, context: int) -> int:
        """Add up the branches."""
        return sum(branch.prefill_flops(width, context) for branch in self.branches)

    def decode_flops(self, width: int, context: int) -> int:
        """Add up the branches."""
        return sum(branch.decode_flops(width, context) for branch in self.branches)

    def cached_tokens(self, context: int) -> int:
        """Return the largest number of tokens that a branch keeps; costs ask the branches."""
        return max(branch.cached_tokens(context) for branch in self.branches)

    def kv_cache_elements(self, width: int) -> int:
        """Add up the branches."""
        return sum(branch.kv_cache_elements(width) for branch in self.branches)

    def recurrent_elements(self, width: int) -> int:
        """Add up the branches."""
        return sum(branch.recurrent_elements(width) for branch in self.branches)

    def convolution_elements(self, width: int) -> int:
        """Add up the branches."""
        return sum(branch.convolution_elements(width) for branch in self.branches)

    @property
    def recalls(self) -> bool:
        """Whether a branch does."""
        return any(branch.recalls for branch in self.branches)

    @property
    def knows_order(self) -> bool:
        """Whether a branch does."""
        return any(branch.knows_order for branch in self.branches)
