"""Gated DeltaNet: linear attention that writes by the delta rule (arXiv 2412.06464)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class GatedDeltaNet(Primitive):
    """Gated DeltaNet mixer, the linear attention of Qwen3-Next, Qwen3.5 and OLMo-Hybrid."""

    symbol: ClassVar[str] = "D"
    color: ClassVar[Color] = "bright_blue"

    kind: Literal["gated_delta_net"] = "gated_delta_net"
    key_heads: Size = 4
    """Number of query and key heads."""
    value_heads: Size = 4
    """Number of value heads, a multiple of key_heads; each has a state of its own."""
    key_dim: Size = 32
    """Channels of a query or key head."""
    value_dim: Size = 32
    """Channels of a value head."""
    conv: Size = 4
    """Kernel of the causal depthwise convolution of queries, keys and values."""
    negative_eigenvalues: bool = False
    """Whether step sizes reach from 0 to 2 instead of 1: a state can then change its sign."""
    norm_eps: Annotated[float | None, Field(ge=0.0, le=1.0)] = None
    """Added to the mean square by the norm of the output; `none`: that of the model."""

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that key heads divide the value heads."""
        if self.value_heads % self.key_heads == 0:
            return []
        message = f"value_heads {self.value_heads} is not divisible by key_heads {self.key_heads}"
        return [("key_heads", message, "use as many key heads as value heads, or a divisor")]

    @property
    def conv_channels(self) -> int:
        """Channels of the convolution: queries, keys and values together."""
        return 2 * self.key_heads * self.key_dim + self.inner

    @property
    def inner(self) -> int:
        """Channels of all value heads together."""
        return self.value_heads * self.value_dim

    def weights(self, width: int) -> Weights:
        """Return projections, convolution, decays and the norm; names as in Qwen3.5."""
        return {
            "dt_bias": (self.value_heads,),
            "A_log": (self.value_heads,),
            "in_proj_qkv.weight": (self.conv_channels, width),
            "in_proj_z.weight": (self.inner, width),
            "in_proj_b.weight": (self.value_heads, width),
            "in_proj_a.weight": (self.value_heads, width),
            "conv1d.weight": (self.conv_channels, 1, self.conv),
            "norm.weight": (self.value_dim,),
            "out_proj.weight": (width, self.inner),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Projections and convolution, and 7·h·k·v for the recurrence of h value heads.

        Megatron counts 8·h·v² for the recurrence.
        """
        linear = width * (self.conv_channels + 2 * self.inner + 2 * self.value_heads)
        convolution = self.conv_channels * self.conv
        recurrence = 7 * self.key_dim * self.inner
        if convention == "megatron":
            recurrence = 8 * self.value_dim * self.inner
        return 3 * (2 * (linear + convolution) + recurrence)

    def recurrent_elements(self, width: int) -> int:
        """Count the states: value heads · key channels · value channels."""
        return self.inner * self.key_dim

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return self.conv_channels * (self.conv - 1)

    def at(self, dimensions: Dimensions) -> Self:
        """Take heads and key channels; value heads and channels keep their ratio to them."""
        sizes = {
            "key_heads": dimensions.heads,
            "value_heads": dimensions.heads * (self.value_heads // self.key_heads),
            "key_dim": dimensions.head_dim,
            "value_dim": max(1, dimensions.head_dim * self.value_dim // self.key_dim),
        }
        return self.model_copy(update=sizes)
