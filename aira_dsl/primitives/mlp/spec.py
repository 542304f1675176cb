"""Position-wise feed-forward layers: plain (up, activation, down) or gated (SwiGLU)."""

from typing import ClassVar, Literal, Self

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class MLP(Primitive):
    """Feed-forward layer; the defaults are the paper's small scale (§1.3: ReLU, hidden 258)."""

    symbol: ClassVar[str] = "M"
    color: ClassVar[Color] = "green"

    kind: Literal["mlp"] = "mlp"
    hidden: Size = 258
    """Hidden units."""
    activation: Literal["swiglu", "relu", "relu2", "gelu"] = "relu"
    """Activation between the projections; swiglu is gated."""

    def weights(self, width: int) -> Weights:
        """Return the projections: 2·d·hidden parameters, or 3·d·hidden with SwiGLU's gate."""
        gate: Weights = {"gate_proj.weight": (self.hidden, width)}
        return {
            **(gate if self.activation == "swiglu" else {}),
            "up_proj.weight": (self.hidden, width),
            "down_proj.weight": (width, self.hidden),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·parameters by either convention (paper §4.3: 18·d·hidden for SwiGLU)."""
        return 6 * self.parameters(width)

    def at(self, dimensions: Dimensions) -> Self:
        """Take the hidden units, gated."""
        return type(self)(hidden=dimensions.hidden, activation="swiglu")
