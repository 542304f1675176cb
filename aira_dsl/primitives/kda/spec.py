"""Kimi Delta Attention: the delta rule with a decay for every channel (arXiv 2510.26692)."""

from typing import Annotated, ClassVar, Literal, Self

from pydantic import Field

from aira_dsl.primitives.base import Color, Convention, Dimensions, Primitive, Size, Weights
from aira_dsl.utils.unused import OPTION


class KDA(Primitive):
    """Kimi Delta Attention mixer, the linear attention of Kimi-Linear, Ling-3 and GLM-5.3."""

    symbol: ClassVar[str] = "K"
    color: ClassVar[Color] = "red"

    kind: Literal["kda"] = "kda"
    heads: Size = 4
    """Number of heads."""
    head_dim: Size = 32
    """Channels of a query, key or value head."""
    conv: Size = 4
    """Kernel of the causal depthwise convolution of queries, keys and values."""
    rank: Size | None = 32
    """Rank of the projections of decay and output gate; `none`: full rank."""
    lower_bound: Annotated[float | None, Field(gt=0.0, le=1e6)] = None
    """Log decays are above minus this, 5 in Ling-3 and GLM-5.3; `none`: they have no bound."""
    gate_bias: Annotated[bool, OPTION] = False
    """Whether the projection of the output gate has a bias, as in flash-linear-attention."""

    @property
    def inner(self) -> int:
        """Channels of all heads together."""
        return self.heads * self.head_dim

    def weights(self, width: int) -> Weights:
        """Return projections, convolution, decays and the norm; gates named as in Kimi-Linear."""
        weights: Weights = {
            "dt_bias": (self.inner,),
            "A_log": (self.heads,),
            "in_proj_qkv.weight": (3 * self.inner, width),
            "b_proj.weight": (self.heads, width),
            "conv1d.weight": (3 * self.inner, 1, self.conv),
            "norm.weight": (self.head_dim,),
            "out_proj.weight": (width, self.inner),
        }
        for gate in "fg":
            if self.rank is None:
                weights[f"{gate}_proj.weight"] = (self.inner, width)
            else:
                weights[f"{gate}_a_proj.weight"] = (self.rank, width)
                weights[f"{gate}_b_proj.weight"] = (self.inner, self.rank)
        if self.gate_bias:
            weights["g_proj.bias" if self.rank is None else "g_b_proj.bias"] = (self.inner,)
        return weights

    def training_flops(self, width: int, context: int, convention: Convention = "paper") -> int:
        """Projections and convolution, and 7·h·p² for the recurrence; Megatron counts 8·h·p²."""
        rank, inner = self.rank, self.inner
        gate = width * inner if rank is None else rank * (width + inner)
        linear = width * (4 * inner + self.heads) + 2 * gate
        convolution = 3 * inner * self.conv
        recurrence = (8 if convention == "megatron" else 7) * inner * self.head_dim
        return 3 * (2 * (linear + convolution) + recurrence)

    def recurrent_elements(self, width: int) -> int:
        """Count the states: h·p²."""
        return self.inner * self.head_dim

    def convolution_elements(self, width: int) -> int:
        """Count the convolution's last inputs, kernel - 1 of them."""
        return 3 * self.inner * (self.conv - 1)

    def at(self, dimensions: Dimensions) -> Self:
        """Take heads and their channels; the rank keeps its ratio to the channels."""
        rank = self.rank and max(1, dimensions.head_dim * self.rank // self.head_dim)
        sizes = {"heads": dimensions.heads, "head_dim": dimensions.head_dim, "rank": rank}
        return self.model_copy(update=sizes)
