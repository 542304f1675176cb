"""Causal grouped-query self-attention, with rotary positions (RoPE) or none."""

import math
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights


class Attention(Primitive):
    """Causal self-attention; the defaults are the paper's small scale (§1.3: 16 heads of 8)."""

    symbol: ClassVar[str] = "A"
    color: ClassVar[Color] = "cyan"

    kind: Literal["attention"] = "attention"
    heads: Size = 16
    """Query heads."""
    kv_heads: Size | None = None
    """Key and value heads; as many as heads if left out."""
    head_dim: Size | None = None
    """Channels of a head; width / heads if left out."""
    rope: Annotated[float, Field(gt=1.0, le=1e12)] | None = 10_000.0
    """Base θ of rotary positions; none for no positions."""

    def resolve(self, width: int) -> Self:
        """Fill in `kv_heads`, and `head_dim` where the heads divide the width."""
        head_dim = self.head_dim
        if head_dim is None and width % self.heads == 0:
            head_dim = width // self.heads
        return self.model_copy(
            update={"kv_heads": self.kv_heads or self.heads, "head_dim": head_dim}
        )

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that heads divide the width, that groups are equal, that RoPE has pairs."""
        found = []
        if self.heads % self._kv_heads:
            found.append(
                (
                    "kv_heads",
                    f"heads {self.heads} is not a multiple of kv_heads {self._kv_heads}",
                    f"use kv_heads {_nearest(_divisors(self.heads), self._kv_heads)}",
                )
            )
        if self.head_dim is None:
            found.append(
                (
                    "heads",
                    f"width {width} is not divisible by heads {self.heads}",
                    self._other_heads(width),
                )
            )
        elif self.rope is not None and self.head_dim % 2:
            found.append(
                (
                    "rope",
                    f"rope rotates pairs, but head_dim is {self.head_dim}",
                    "use an even head_dim, or rope none",
                )
            )
        return found

    def weights(self, width: int) -> Weights:
        """Return the projections, 2·d·h·p + 2·d·kv·p parameters."""
        queries, keys = self.heads * self._head_dim, self._kv_heads * self._head_dim
        return {
            "q_proj.weight": (queries, width),
            "k_proj.weight": (keys, width),
            "v_proj.weight": (keys, width),
            "o_proj.weight": (width, queries),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·parameters + 12·context·heads·head_dim (paper §4.3), or half of that product."""
        square = 12 * context * self.heads * self._head_dim
        return 6 * self.parameters(width) + (square if convention == "paper" else square // 2)

    def kv_cache_elements(self, width: int) -> int:
        """Count keys and values: 2·kv_heads·head_dim."""
        return 2 * self._kv_heads * self._head_dim

    @property
    def knows_order(self) -> bool:
        """Whether there are positions; without them only the causal mask tells tokens apart."""
        return self.rope is not None

    def at(self, dimensions: Dimensions) -> Self:
        """Take the heads; a block without positions stays without them."""
        return type(self)(
            heads=dimensions.heads,
            kv_heads=dimensions.kv_heads,
            head_dim=dimensions.head_dim,
            rope=None if self.rope is None else dimensions.rope,
        )

    def _other_heads(self, width: int) -> str:
        """Advise the nearest number of heads with which the block is legal, if there is one."""
        fitting = [
            heads
            for heads in _divisors(width)
            if heads % self._kv_heads == 0 or self.kv_heads == self.heads
            if self.rope is None or width // heads % 2 == 0
        ]
        if not fitting:
            return "give head_dim"
        return f"use heads {_nearest(fitting, self.heads)}, or give head_dim"

    @property
    def _head_dim(self) -> int:
        assert self.head_dim is not None, "resolve the block first"
        return self.head_dim

    @property
    def _kv_heads(self) -> int:
        assert self.kv_heads is not None, "resolve the block first"
        return self.kv_heads


def _divisors(number: int) -> list[int]:
    small = [d for d in range(1, math.isqrt(number) + 1) if number % d == 0]
    return sorted({*small, *(number // d for d in small)})


def _nearest(numbers: list[int], wanted: int) -> int:
    """Return the number nearest to `wanted`, the smaller one of a tie."""
    return min(numbers, key=lambda each: (abs(each - wanted), each))
