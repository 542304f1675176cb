"""RG-LRU block: a gated diagonal linear recurrence after a convolution (arXiv 2402.19427)."""

from typing import ClassVar, Literal, Self

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class RGLRU(Primitive):
    """Recurrent block of Griffin: one number of state a channel, with gates of the input."""

    symbol: ClassVar[str] = "RG"
    color: ClassVar[Color] = "bright_red"

    kind: Literal["rg_lru"] = "rg_lru"
    inner: Size | None = None
    """Channels of the recurrence; the width if left out."""
    heads: Size = 16
    """Blocks of the block-diagonal gates; they divide `inner`."""
    conv: Size = 4
    """Kernel of the causal depthwise convolution."""
    bias: bool = True
    """Whether the projections have biases; the convolution and the gates always have."""

    def resolve(self, width: int) -> Self:
        """Fill in `inner`."""
        return self.model_copy(update={"inner": self.inner or width})

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that the heads divide the channels."""
        inner = self._inner
        if inner % self.heads == 0:
            return []
        divisors = (heads for heads in range(1, inner + 1) if inner % heads == 0)
        nearest = min(divisors, key=lambda heads: abs(heads - self.heads))
        message = f"inner {inner} is not divisible by heads {self.heads}"
        return [("heads", message, f"use heads {nearest}")]

    def weights(self, width: int) -> Weights:
        """Return 3·d·E + 2·E + d of projections, E·(K + 1) of the convolution, and the gates.

        Both gates have E²/h + E, and the decays E (E inner, h heads, K kernel).
        """
        inner, block = self._inner, self._inner // self.heads
        biases: Weights = {
            "linear_y.bias": (inner,),
            "linear_x.bias": (inner,),
            "linear_out.bias": (width,),
        }
        return {
            "linear_y.weight": (inner, width),
            "linear_x.weight": (inner, width),
            "linear_out.weight": (width, inner),
            **(biases if self.bias else {}),
            "conv_1d.weight": (inner, 1, self.conv),
            "conv_1d.bias": (inner,),
            "rg_lru.recurrent_param": (inner,),
            "rg_lru.input_gate_weight": (self.heads, block, block),
            "rg_lru.input_gate_bias": (self.heads, block),
            "rg_lru.recurrent_gate_weight": (self.heads, block, block),
            "rg_lru.recurrent_gate_bias": (self.heads, block),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·(3·d·E + 2·E²/h + K·E) + 30·E for the recurrence, by either convention."""
        inner = self._inner
        gates = 2 * inner * inner // self.heads
        return 6 * (3 * width * inner + gates + self.conv * inner) + 30 * inner

    def recurrent_elements(self, width: int) -> int:
        """Count the state: inner."""
        return self.inner or width

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return (self.conv - 1) * (self.inner or width)

    def at(self, dimensions: Dimensions) -> Self:
        """Keep the kernel; the channels follow the width, in as many blocks as there are heads."""
        return self.model_copy(update={"inner": None, "heads": dimensions.heads})

    @property
    def _inner(self) -> int:
        assert self.inner is not None, "resolve the block first"
        return self.inner
