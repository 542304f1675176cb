"""A decaying average: each channel keeps a mean of the past that fades at a learned rate."""

from typing import ClassVar, Literal, Self

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class DecayingAverage(Primitive):
    """Decaying average of a projection of all tokens so far."""

    symbol: ClassVar[str] = "D"
    color: ClassVar[Color] = "yellow"

    kind: Literal["decaying_average"] = "decaying_average"
    inner: Size = 24
    """Channels that are averaged."""
    gate: bool = True
    """Whether the average is multiplied with a gate."""

    def weights(self, width: int) -> Weights:
        """Return the projections and the decay of each channel."""
        gate: Weights = {"gate_proj.weight": (self.inner, width)} if self.gate else {}
        return {
            "decay": (self.inner,),
            "in_proj.weight": (self.inner, width),
            **gate,
            "out_proj.weight": (width, self.inner),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Return 6·parameters and 6 for each multiplication by a decay."""
        return 6 * self.parameters(width)

    def recurrent_elements(self, width: int) -> int:
        """Count the averages."""
        return self.inner

    def at(self, dimensions: Dimensions) -> Self:
        """Take the inner width."""
        return self.model_copy(update={"inner": dimensions.inner})
