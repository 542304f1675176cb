"""Gated short convolution: a causal depthwise convolution between two gates (LFM2)."""

from typing import ClassVar, Literal, Self

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class ShortConv(Primitive):
    """Gated short convolution; the default kernel is that of LFM2 (arXiv 2511.23404)."""

    symbol: ClassVar[str] = "C"
    color: ClassVar[Color] = "bright_cyan"

    kind: Literal["short_conv"] = "short_conv"
    conv: Size = 3
    """Kernel of the causal depthwise convolution."""
    inner: Size | None = None
    """Channels of the convolution and of both gates; the width if left out."""
    bias: bool = False
    """Whether the projections and the convolution have biases."""

    def resolve(self, width: int) -> Self:
        """Fill in `inner`."""
        return self.model_copy(update={"inner": self.inner or width})

    def weights(self, width: int) -> Weights:
        """Return projections and convolution: 4·d·E + E·K parameters, d·(4·d + K) for E = d."""
        inner = self._inner
        weights: Weights = {
            "in_proj.weight": (3 * inner, width),
            "conv.weight": (inner, 1, self.conv),
            "out_proj.weight": (width, inner),
        }
        if self.bias:
            weights |= {
                "in_proj.bias": (3 * inner,),
                "conv.bias": (inner,),
                "out_proj.bias": (width,),
            }
        return weights

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·(4·d·E + E·K), with the convolution in both conventions: it mixes the tokens."""
        return 6 * self._inner * (4 * width + self.conv)

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return (self.conv - 1) * (self.inner or width)

    def at(self, dimensions: Dimensions) -> Self:
        """Keep the kernel; the channels follow the width."""
        return self.model_copy(update={"inner": None})

    @property
    def _inner(self) -> int:
        assert self.inner is not None, "resolve the block first"
        return self.inner
