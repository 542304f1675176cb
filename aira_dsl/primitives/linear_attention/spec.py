"""Linear attention: a state of fixed size in place of a cache that grows (arXiv 2006.16236)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class LinearAttention(Primitive):
    """Attention without softmax, with a fixed decay; the defaults are lightning attention."""

    symbol: ClassVar[str] = "LA"
    color: ClassVar[Color] = "bright_green"

    kind: Literal["linear_attention"] = "linear_attention"
    heads: Size = 16
    """Heads; each has its own queries, keys and values."""
    head_dim: Size | None = None
    """Channels of a head; width / heads if left out."""
    feature: Literal["silu", "elu1", "identity"] = "silu"
    """Map of queries and keys: silu (of values, too), elu1 (elu + 1), or identity (q / sqrt(p))."""
    decay: Literal["lightning", "retention"] | None = "lightning"
    """Rate of forgetting of each head: that of lightning attention or of RetNet; none for none."""
    decay_scale: Annotated[float, Field(gt=0.0, le=100.0)] = 1.0
    """Factor of the rates; MiniMax's falls with the depth of the layer."""
    gate: Literal["sigmoid", "silu"] | None = "sigmoid"
    """Activation of the output gate, a projection of the input; none for no gate."""
    output_norm: Literal["width", "head", "sum"] | None = "width"
    """Norm of the output: RMSNorm of all channels (width) or of each head (head), division by the
    sum of the weights (sum), or none."""
    norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Epsilon of the norm; the model's if left out."""

    def resolve(self, width: int) -> Self:
        """Fill in `head_dim` where the heads divide the width."""
        if self.head_dim is None and width % self.heads == 0:
            return self.model_copy(update={"head_dim": width // self.heads})
        return self

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that heads divide the width, and that sums of weights are positive."""
        found = []
        if self.head_dim is None:
            message = f"width {width} is not divisible by heads {self.heads}"
            nearest = min(
                (heads for heads in range(1, width + 1) if width % heads == 0),
                key=lambda heads: abs(heads - self.heads),
            )
            found.append(("heads", message, f"use heads {nearest}, or give head_dim"))
        if self.output_norm == "sum" and self.feature != "elu1":
            message = f"weights of feature {self.feature} are not positive: their sum can be zero"
            found.append(("output_norm", message, "use feature elu1, or another output_norm"))
        return found

    @property
    def inner(self) -> int:
        """Channels of all heads together."""
        assert self.head_dim is not None, "resolve the block first"
        return self.heads * self.head_dim

    def weights(self, width: int) -> Weights:
        """Return the projections, 4·d·h·p parameters and d·h·p of the gate, and the norm."""
        gate: Weights = {"output_gate.weight": (self.inner, width)}
        sizes = {"width": self.inner, "head": self.inner // self.heads}
        return {
            "qkv_proj.weight": (3 * self.inner, width),
            "out_proj.weight": (width, self.inner),
            **(gate if self.gate else {}),
            **({"norm.weight": (sizes[self.output_norm],)} if self.output_norm in sizes else {}),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·projections + 3·5·h·p², or 4·h·p² without a decay, by either convention.

        The recurrence adds (2) to a state, reads (2) from it, and lets it decay (1).
        """
        projections = (5 if self.gate else 4) * width * self.inner
        return 6 * projections + 3 * (5 if self.decay else 4) * self.recurrent_elements(width)

    def recurrent_elements(self, width: int) -> int:
        """Count the states, h·p², and with `output_norm sum` the sums of keys, h·p."""
        head_dim = self.inner // self.heads
        return self.inner * (head_dim + (self.output_norm == "sum"))

    @property
    def mixes_tokens(self) -> bool:
        """True: every output depends on earlier tokens."""
        return True

    @property
    def knows_order(self) -> bool:
        """Whether there is a decay; without it the state is a sum over a set of tokens."""
        return self.decay is not None

    def at(self, dimensions: Dimensions) -> Self:
        """Take the heads."""
        sizes = {"heads": dimensions.heads, "head_dim": dimensions.head_dim}
        return self.model_copy(update=sizes)
