"""Causal grouped-query attention: full, windowed or in chunks, and the options of its families.

Shapes and costs: d model width, h query heads, k key and value heads, p channels of a query and a
key, v of a value.
"""

from math import prod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.attention import rules
from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.primitives.common.rope_options import RopeOptions, Scaling, scaling_defaults
from aira_dsl.utils.unused import OPTION

Positive = Annotated[float, Field(gt=0.0, le=1e6)]


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
    window: Annotated[Size | None, OPTION] = None
    """Tokens that a token attends to: itself and those just before it; none for all of them."""
    chunk: Annotated[Size | None, OPTION] = None
    """Tokens of a chunk: a token attends only to its own chunk; none for no chunks."""
    value_dim: Annotated[Size | None, OPTION] = None
    """Channels of a head's values; head_dim if left out."""
    rotary: Annotated[float, Field(gt=0.0, le=1.0), OPTION] = 1.0
    """Part of a head's channels that is rotated, the first ones."""
    rope_scaling: Annotated[Scaling | None, OPTION] = None
    """Rule by which frequencies change for long contexts."""
    rope_factor: Annotated[Annotated[float, Field(ge=1.0, le=1e6)] | None, OPTION] = None
    """Factor by which the scaling stretches the context."""
    rope_original: Annotated[Size | None, OPTION] = None
    """Context of the training before the scaling (llama3, yarn)."""
    rope_low: Annotated[Positive | None, OPTION] = None
    """Turns over rope_original up to which a frequency is stretched; 1 if left out."""
    rope_high: Annotated[Positive | None, OPTION] = None
    """Turns from which a frequency stays; 4 (llama3) or 32 (yarn) if left out."""
    rope_attention: Annotated[Positive | None, OPTION] = None
    """Factor of queries and keys (yarn); 0.1·ln(rope_factor) + 1 if left out."""
    rope_truncate: Annotated[bool, OPTION] = True
    """Whether yarn's ramp begins and ends at whole channels."""
    interleaved: Annotated[bool, OPTION] = False
    """Whether channels 2i and 2i + 1 are rotated as a pair, not i and i + head_dim / 2."""
    qk_norm: Annotated[Literal["head", "width", "l2"] | None, OPTION] = None
    """RMSNorm of queries and keys: of each head, of all heads together, of each without weights."""
    value_norm: Annotated[bool, OPTION] = False
    """Whether each head's values are normalized, without weights."""
    bias: Annotated[Literal["qkv", "output", "all"] | None, OPTION] = None
    """Projections that have a bias."""
    gate: Annotated[Literal["head", "element"] | None, OPTION] = None
    """Gate of the output before its projection: one for each head, or one for each channel."""
    gate_activation: Annotated[Literal["sigmoid", "softplus"], OPTION] = "sigmoid"
    """Activation of the gate."""
    sinks: Annotated[bool, OPTION] = False
    """Whether each head has a learned score that takes a part of the softmax and adds nothing."""
    softcap: Annotated[Positive | None, OPTION] = None
    """Bound c of the scores: c·tanh(score / c)."""
    scale: Annotated[Positive | None, OPTION] = None
    """Factor of the scores; 1 / sqrt(head_dim) if left out."""
    keys_are_values: Annotated[bool, OPTION] = False
    """Whether values are the projected keys, before norm and rotation."""
    value_scale: Annotated[Positive | None, OPTION] = None
    """Factor of the values."""

    def resolve(self, width: int) -> Self:
        """Fill in `kv_heads`, `head_dim` where the heads divide the width, and the rope scaling."""
        head_dim = self.head_dim
        if head_dim is None and width % self.heads == 0:
            head_dim = width // self.heads
        scaling = None if self.rope is None else self.rope_scaling
        usual = scaling_defaults(scaling, self.rope_factor)
        filled = {name: each for name, each in usual.items() if getattr(self, name) is None}
        value_dim = None if self.value_dim == head_dim else self.value_dim
        return self.model_copy(
            update={
                "kv_heads": self.kv_heads or self.heads,
                "head_dim": head_dim,
                "value_dim": value_dim,
                **filled,
            }
        )

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check heads against the width, rope against head_dim, and options against each other."""
        return [*rules.head_problems(self, width), *rules.option_problems(self)]

    def weights(self, width: int) -> Weights:
        """Return the projections, d·(h + k)·(p + v) parameters, and the weights of options."""
        queries, keys = self.heads * self._head_dim, self._kv_heads * self._head_dim
        values, outputs = self._kv_heads * self._value_dim, self.heads * self._value_dim
        sizes = {"q_proj": queries, "k_proj": keys, "v_proj": values, "o_proj": width}
        if self.keys_are_values:
            del sizes["v_proj"]
        found: Weights = {f"{name}.weight": (size, width) for name, size in sizes.items()}
        found["o_proj.weight"] = (width, outputs)
        if self.gate:
            found["gate_proj.weight"] = (outputs if self.gate == "element" else self.heads, width)
        found |= {f"{name}.bias": (sizes[name],) for name in sizes if self.has_bias(name)}
        if self.qk_norm == "head":
            found |= {f"{name}_norm.weight": (self._head_dim,) for name in "qk"}
        if self.qk_norm == "width":
            found |= {"q_norm.weight": (queries,), "k_norm.weight": (keys,)}
        return found | ({"sinks": (self.heads,)} if self.sinks else {})

    def has_bias(self, projection: str) -> bool:
        """Whether a projection has a bias: `q_proj`, `k_proj`, `v_proj` or `o_proj`."""
        return self.bias in ("all", "output" if projection == "o_proj" else "qkv")

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·d·(h + k)·(p + v), with a gate's projection, + 6·h·(p + v)·c for c attended tokens.

        c is the context (paper §4.3), or half of it (megatron); with a window or chunks shorter
        than the context, it is the mean over its tokens in both.
        """
        pair = 3 * self.heads * (self._head_dim + self._value_dim)
        attended = pair * self._attended_twice(context, convention) // context
        return 6 * self._multiplied(width) + attended

    def decode_flops(self, width: int, context: int) -> int:
        """2·d·(h + k)·(p + v), with a gate's projection, + 2·h·(p + v) for each reached token."""
        pair = 2 * self.heads * (self._head_dim + self._value_dim)
        return 2 * self._multiplied(width) + pair * self.cached_tokens(context)

    def _multiplied(self, width: int) -> int:
        """Count the weights of matrices."""
        return sum(prod(shape) for shape in self.weights(width).values() if len(shape) == 2)

    def _attended_twice(self, context: int, convention: Convention) -> int:
        """Return twice the number of pairs of a token and one it attends to; a whole number."""
        if self.window is not None and self.window < context:
            return 2 * self.window * context - self.window * (self.window - 1)
        if self.chunk is not None and self.chunk < context:
            whole, rest = divmod(context, self.chunk)
            return whole * self.chunk * (self.chunk + 1) + rest * (rest + 1)
        return context * context * (2 if convention == "paper" else 1)

    def kv_cache_elements(self, width: int) -> int:
        """Count keys and values: k·(p + v)."""
        return self._kv_heads * (self._head_dim + self._value_dim)

    def cached_tokens(self, context: int) -> int:
        """Count the tokens that a window or a chunk can reach."""
        return min(context, self.window or context, self.chunk or context)

    @property
    def mixes_tokens(self) -> bool:
        """It does, unless it sees itself only."""
        return 1 not in (self.window, self.chunk)

    @property
    def recalls(self) -> bool:
        """Whether every earlier token can be looked up: not with a window or chunks."""
        return self.window is None and self.chunk is None

    @property
    def knows_order(self) -> bool:
        """Whether there are positions; without them only the causal mask tells tokens apart."""
        return self.rope is not None and self.mixes_tokens

    def at(self, dimensions: Dimensions) -> Self:
        """Take the heads and keep the options; a block without positions stays without them."""
        update: dict[str, int | float | None] = {
            "heads": dimensions.heads,
            "kv_heads": dimensions.kv_heads,
            "head_dim": dimensions.head_dim,
            "rope": None if self.rope is None else dimensions.rope,
        }
        if self.value_dim is not None:
            update["value_dim"] = max(1, self.value_dim * dimensions.head_dim // self._head_dim)
        return self.model_copy(update=update)

    @property
    def rope_options(self) -> RopeOptions:
        """How the rotation differs from plain RoPE."""
        return RopeOptions(
            rotary=self.rotary,
            interleaved=self.interleaved,
            scaling=self.rope_scaling,
            factor=self.rope_factor or 1.0,
            original=self.rope_original or 0,
            low=self.rope_low or 1.0,
            high=self.rope_high or 1.0,
            attention=self.rope_attention or 1.0,
            truncate=self.rope_truncate,
        )

    @property
    def _head_dim(self) -> int:
        assert self.head_dim is not None, "resolve the block first"
        return self.head_dim

    @property
    def _value_dim(self) -> int:
        return self.value_dim or self._head_dim

    @property
    def _kv_heads(self) -> int:
        assert self.kv_heads is not None, "resolve the block first"
        return self.kv_heads
