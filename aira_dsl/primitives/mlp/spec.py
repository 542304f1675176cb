"""Position-wise feed-forward layers: plain (up, activation, down) or gated (SwiGLU)."""

from typing import Literal, Self

from aira_dsl.primitives.base import Convention, Primitive, Size


class MLP(Primitive):
    """Feed-forward layer; the defaults are the paper's small scale (§1.3: ReLU, hidden 258)."""

    kind: Literal["mlp"] = "mlp"
    hidden: Size = 258
    activation: Literal["swiglu", "relu", "relu2", "gelu"] = "relu"

    def resolve(self, width: int) -> Self:
        """Return itself: nothing depends on the width."""
        return self

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Return nothing: every value of every field is legal."""
        return []

    def parameters(self, width: int) -> int:
        """Count 2·d·hidden, or 3·d·hidden with SwiGLU's gate."""
        return (3 if self.activation == "swiglu" else 2) * width * self.hidden

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·parameters by either convention (paper §4.3: 18·d·hidden for SwiGLU)."""
        return 6 * self.parameters(width)
