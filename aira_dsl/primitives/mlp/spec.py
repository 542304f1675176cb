"""Position-wise feed-forward layers: plain (up, activation, down) or gated.

Both products of a gated layer have the model width as input: hidden = f(gate(x)) · up(x), with a
nonlinearity f (arXiv 2002.05202). Two gated forms limit their factors: with c for `clamp`, g for
min(gate, c) and u for up within ±c,

    swiglu           hidden = g · sigmoid(g) · u                (c is optional; DeepSeek-V4: 10)
    swiglu_clamped   hidden = g · sigmoid(1.702·g) · (u + 1)    (gpt-oss: c = 7)
"""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.utils.unused import OPTION

Activation = Literal[
    "swiglu", "relu", "relu2", "gelu", "silu", "geglu", "geglu_exact", "reglu", "swiglu_clamped"
]
"""Activations of feed-forward layers, those of experts included."""

Clamp = Annotated[float, Field(gt=0.0, le=1e6)]
"""The limit of a gated layer's two factors."""

GATED: frozenset[Activation] = frozenset(
    {"swiglu", "geglu", "geglu_exact", "reglu", "swiglu_clamped"}
)
"""Activations with a gate: three projections instead of two."""

CLAMPED: frozenset[Activation] = frozenset({"swiglu", "swiglu_clamped"})
"""Activations that `clamp` limits."""

GPT_OSS_LIMIT = 7.0
"""The limit of `swiglu_clamped` where none is given."""


class MLP(Primitive):
    """Feed-forward layer; the defaults are the paper's small scale (§1.3: ReLU, hidden 258)."""

    symbol: ClassVar[str] = "M"
    color: ClassVar[Color] = "green"

    kind: Literal["mlp"] = "mlp"
    hidden: Size = 258
    """Hidden units."""
    activation: Activation = "relu"
    """Activation between the projections; swiglu, geglu (by tanh), geglu_exact, reglu and
    swiglu_clamped (gpt-oss) are gated."""
    bias: Annotated[bool, OPTION] = False
    """Whether every projection has a bias."""
    clamp: Annotated[Clamp | None, OPTION] = None
    """Limit of the gate from above and of the other factor on both sides, for swiglu and
    swiglu_clamped; none for no limit, which is 7 for swiglu_clamped."""

    def resolve(self, width: int) -> Self:
        """Fill in the limit of `swiglu_clamped`."""
        return self.model_copy(update={"clamp": resolved_clamp(self.activation, self.clamp)})

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that a limit belongs to an activation that has one."""
        return clamp_problems(self.activation, self.clamp)

    def weights(self, width: int) -> Weights:
        """Return 2·d·hidden parameters, 3·d·hidden with a gate, and the biases."""
        names = projections(self.activation)
        shapes: Weights = {
            **{f"{name}.weight": (self.hidden, width) for name in names},
            "down_proj.weight": (width, self.hidden),
        }
        if self.bias:
            shapes |= {f"{name}.bias": (self.hidden,) for name in names}
            shapes["down_proj.bias"] = (width,)
        return shapes

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·d·hidden for each projection by either convention (paper §4.3)."""
        return 6 * width * self.hidden * (len(projections(self.activation)) + 1)

    def at(self, dimensions: Dimensions) -> Self:
        """Take the hidden units; a layer without a gate becomes SwiGLU."""
        activation = self.activation if self.activation in GATED else "swiglu"
        return self.model_copy(update={"hidden": dimensions.hidden, "activation": activation})


def projections(activation: Activation) -> tuple[str, ...]:
    """Return the names of the projections to the hidden units."""
    return ("gate_proj", "up_proj") if activation in GATED else ("up_proj",)


def resolved_clamp(activation: Activation, clamp: float | None) -> float | None:
    """Return the limit, that of gpt-oss if `swiglu_clamped` leaves it out."""
    return GPT_OSS_LIMIT if activation == "swiglu_clamped" and clamp is None else clamp


def clamp_problems(activation: Activation, clamp: float | None) -> list[tuple[str, str, str]]:
    """Return the problem of a limit that the activation does not have."""
    if clamp is None or activation in CLAMPED:
        return []
    message = f"{activation} has no limit, but clamp is {clamp:g}"
    return [("clamp", message, "use clamp none, or activation swiglu or swiglu_clamped")]
