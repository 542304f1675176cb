"""Multi-head latent attention (MLA, DeepSeek-V2, arXiv 2405.04434 §2.1)."""

from math import prod
from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.primitives.common.rope_options import (
    OF_SCALING,
    RopeOptions,
    scaling_defaults,
    scaling_problems,
)
from aira_dsl.utils.unused import OPTION

Positive = Annotated[float, Field(gt=0.0, le=1e6)]


class MLA(Primitive):
    """Attention whose keys and values come from one small latent per token, which is cached.

    The defaults are the paper's small scale (16 heads of 8) in the proportions of DeepSeek-V2.
    """

    symbol: ClassVar[str] = "ML"
    color: ClassVar[Color] = "blue"

    kind: Literal["mla"] = "mla"
    heads: Size = 16
    """Heads."""
    q_rank: Size | None = None
    """Channels of the latent of queries; none for one projection."""
    kv_rank: Size = 32
    """Channels of the latent of keys and values."""
    nope_dim: Size = 8
    """Channels of a head's query and key without positions."""
    rope_dim: Size = 4
    """Channels of a head's query that positions rotate, and of the key that all heads share."""
    value_dim: Size = 8
    """Channels of a head's value."""
    rope: Annotated[float, Field(gt=1.0, le=1e12)] | None = 10_000.0
    """Base θ of rotary positions; none for no positions (the shared key remains)."""
    interleaved: bool = True
    """Whether channels (0, 1), (2, 3), … form the rotated pairs; if not, the two halves do."""
    gate: Literal["head"] | None = None
    """Output gate: head multiplies every head by a sigmoid of the input; none for no gate."""
    norm_eps: Annotated[float, Field(gt=0.0, lt=1.0)] | None = None
    """Epsilon of the norms of latents; the model's if left out."""
    scale: Annotated[Positive | None, OPTION] = None
    """Factor of the scores; 1 / sqrt(nope_dim + rope_dim) if left out."""
    rope_scaling: Annotated[Literal["yarn"] | None, OPTION] = None
    """Rule by which frequencies change for long contexts."""
    rope_factor: Annotated[Annotated[float, Field(ge=1.0, le=1e6)] | None, OPTION] = None
    """Factor by which the scaling stretches the context."""
    rope_original: Annotated[Size | None, OPTION] = None
    """Context of the training before the scaling."""
    rope_low: Annotated[Positive | None, OPTION] = None
    """Turns over rope_original up to which a frequency is stretched; 1 if left out."""
    rope_high: Annotated[Positive | None, OPTION] = None
    """Turns from which a frequency stays; 32 if left out."""
    rope_attention: Annotated[Positive | None, OPTION] = None
    """Factor of rotated queries and keys; 0.1·ln(rope_factor) + 1 if left out."""

    def resolve(self, width: int) -> Self:
        """Fill in the parameters of the scaling that follow from it."""
        if self.rope is None:
            return self
        usual = scaling_defaults(self.rope_scaling, self.rope_factor)
        return self.model_copy(
            update={name: each for name, each in usual.items() if getattr(self, name) is None}
        )

    def problems(self, width: int) -> list[tuple[str, str, str]]:
        """Check that RoPE has pairs, and the parameters of its scaling."""
        used = self.used_options()
        if self.rope is None:
            return [
                (name, f"{name} needs rope, which is none", f"leave out {name}, or give rope")
                for name in ("rope_scaling", *OF_SCALING)
                if name in used
            ]
        found = list(scaling_problems(self, used))
        if self.rope_dim % 2:
            message = f"rope rotates pairs, but rope_dim is {self.rope_dim}"
            help_text = f"use rope_dim {self.rope_dim + 1}, or rope none"
            found.append(("rope_dim", message, help_text))
        return found

    @property
    def rope_options(self) -> RopeOptions:
        """How the rotation differs from plain RoPE."""
        return RopeOptions(
            interleaved=self.interleaved,
            scaling=self.rope_scaling,
            factor=self.rope_factor or 1.0,
            original=self.rope_original or 0,
            low=self.rope_low or 1.0,
            high=self.rope_high or 1.0,
            attention=self.rope_attention or 1.0,
        )

    @property
    def key_dim(self) -> int:
        """Channels of a head's query and key."""
        return self.nope_dim + self.rope_dim

    def weights(self, width: int) -> Weights:
        """Return projections and norms of latents.

        d·(r + e) + r + r·h·(n + v) + h·v·d parameters, and d·h·(n + e) of queries, or
        d·q + q + q·h·(n + e) through a latent; h·d of the gate (r kv_rank, q q_rank, n nope_dim,
        e rope_dim, v value_dim).
        """
        gate: Weights = {"g_proj.weight": (self.heads, width)}
        return {
            **self._query_weights(width),
            "kv_a_proj_with_mqa.weight": (self.kv_rank + self.rope_dim, width),
            "kv_a_layernorm.weight": (self.kv_rank,),
            "kv_b_proj.weight": (self.heads * (self.nope_dim + self.value_dim), self.kv_rank),
            "o_proj.weight": (width, self.heads * self.value_dim),
            **(gate if self.gate else {}),
        }

    def _query_weights(self, width: int) -> Weights:
        queries = self.heads * self.key_dim
        if self.q_rank is None:
            return {"q_proj.weight": (queries, width)}
        return {
            "q_a_proj.weight": (self.q_rank, width),
            "q_a_layernorm.weight": (self.q_rank,),
            "q_b_proj.weight": (queries, self.q_rank),
        }

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """6·projections + 6·T·h·(n + e + v): scores and sums over the square, or half of it."""
        square = 6 * context * self.heads * (self.key_dim + self.value_dim)
        causal = square if convention == "paper" else square // 2
        return 6 * self._projections(width) + causal

    def decode_flops(self, width: int, context: int) -> int:
        """2·projections + 2·T·h·(2·r + e): the absorbed form, attention over latents."""
        attention = 2 * context * self.heads * (2 * self.kv_rank + self.rope_dim)
        return 2 * self._projections(width) + attention

    def _projections(self, width: int) -> int:
        """Count the parameters without those of norms."""
        return sum(prod(shape) for shape in self.weights(width).values() if len(shape) == 2)

    def kv_cache_elements(self, width: int) -> int:
        """Count the latent and the shared key: kv_rank + rope_dim."""
        return self.kv_rank + self.rope_dim

    @property
    def knows_order(self) -> bool:
        """Whether there are positions; without them only the causal mask tells tokens apart."""
        return self.rope is not None

    def at(self, dimensions: Dimensions) -> Self:
        """Take the heads; latents and the rotated part in DeepSeek-V2's proportions (§3.1.2).

        With p channels of a head: kv_rank 4·p, q_rank 12·p, rope_dim p / 2, made even. A block
        without positions, or without a latent of queries, stays so; a scale follows
        1 / sqrt(n + e).
        """
        p = dimensions.head_dim
        rotated = 2 * max(1, p // 4)
        shrinks = (self.key_dim / (p + rotated)) ** 0.5
        sizes = {
            "heads": dimensions.heads,
            "q_rank": None if self.q_rank is None else 12 * p,
            "kv_rank": 4 * p,
            "nope_dim": p,
            "rope_dim": rotated,
            "value_dim": p,
            "rope": None if self.rope is None else dimensions.rope,
            "scale": None if self.scale is None else self.scale * shrinks,
        }
        return self.model_copy(update=sizes)
