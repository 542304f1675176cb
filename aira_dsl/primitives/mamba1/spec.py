"""Mamba-1: a selective state space whose every channel has decays of its own (arXiv 2312.00752)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class Mamba1(Primitive):
    """Mamba-1 mixer; the state is that of mamba_ssm, the inner width that of `mamba2` here."""

    symbol: ClassVar[str] = "S1"
    color: ClassVar[Color] = "bright_magenta"

    kind: Literal["mamba1"] = "mamba1"
    inner: Size = 160
    """Inner width (d_inner)."""
    state: Size = 16
    """Size of the state of each channel, N."""
    conv: Size = 4
    """Kernel of the causal depthwise convolution."""
    dt_rank: Size | None = None
    """Rank of the projection of step sizes; width / 16, rounded up, if left out."""
    norms: Literal["rms", "weightless"] | None = None
    """RMSNorms of the step's low rank, B and C: with gains, without them, or no norms."""
    norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Epsilon of these norms; the model's if left out."""
    conv_bias: bool = True
    """Whether the convolution has a bias."""
    bias: bool = False
    """Whether in_proj and out_proj have biases."""

    def resolve(self, width: int) -> Self:
        """Fill in `dt_rank`."""
        return self.model_copy(update={"dt_rank": self.dt_rank or -(-width // 16)})

    @property
    def rank(self) -> int:
        """Rank of the projection of step sizes, of a resolved block."""
        assert self.dt_rank is not None, "resolve the block first"
        return self.dt_rank

    def weights(self, width: int) -> Weights:
        """Return projections, convolution, A_log, D and norms.

        2·d·E + E·(K + 1) + E·(R + 2·N) + R·E + E + E·N + E + E·d parameters with the defaults.
        """
        inner, state, rank = self.inner, self.state, self.rank
        weights: Weights = {
            "in_proj.weight": (2 * inner, width),
            "in_proj.bias": (2 * inner,),
            "conv1d.weight": (inner, 1, self.conv),
            "conv1d.bias": (inner,),
            "x_proj.weight": (rank + 2 * state, inner),
            "dt_layernorm.weight": (rank,),
            "b_layernorm.weight": (state,),
            "c_layernorm.weight": (state,),
            "dt_proj.weight": (inner, rank),
            "dt_proj.bias": (inner,),
            "A_log": (inner, state),
            "D": (inner,),
            "out_proj.weight": (width, inner),
            "out_proj.bias": (width,),
        }
        absent = {
            "in_proj.bias": not self.bias,
            "conv1d.bias": not self.conv_bias,
            "out_proj.bias": not self.bias,
            **{f"{name}_layernorm.weight": self.norms != "rms" for name in ("dt", "b", "c")},
        }
        return {name: shape for name, shape in weights.items() if not absent.get(name)}

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """3·(2·(2·d·E + E·(R + 2·N) + R·E + E·d) + 2·E·K + 9·E·N), in both conventions.

        9·E·N is the scan's own count (the discretization, the recurrence, the output). Megatron-LM
        has no Mamba-1, so there is no other way to count it.
        """
        inner, rank = self.inner, self.rank
        linear = 3 * width * inner + inner * (rank + 2 * self.state) + rank * inner
        return 6 * linear + 6 * inner * self.conv + 27 * inner * self.state

    def recurrent_elements(self, width: int) -> int:
        """Count the state: E·N."""
        return self.inner * self.state

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return self.inner * (self.conv - 1)

    def at(self, dimensions: Dimensions) -> Self:
        """Take the inner width and the kernel; the rank follows the width, the state stays."""
        sizes = {"inner": dimensions.inner, "conv": dimensions.conv, "dt_rank": None}
        return self.model_copy(update=sizes)
