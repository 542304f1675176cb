"""The kinds of blocks: one folder each, found by `registry`.

This package knows nothing of texts and searches. `base` is the interface of a spec;
docs/primitives.md says what a new kind needs.
"""

from aira_dsl.primitives.attention.spec import Attention
from aira_dsl.primitives.base import Primitive
from aira_dsl.primitives.linear_attention.spec import LinearAttention
from aira_dsl.primitives.mamba1.spec import Mamba1
from aira_dsl.primitives.mamba2.spec import Mamba2
from aira_dsl.primitives.mla.spec import MLA
from aira_dsl.primitives.mlp.spec import MLP
from aira_dsl.primitives.moe.spec import MoE
from aira_dsl.primitives.rg_lru.spec import RGLRU
from aira_dsl.primitives.short_conv.spec import ShortConv

__all__ = [
    "MLA",
    "MLP",
    "RGLRU",
    "Attention",
    "LinearAttention",
    "Mamba1",
    "Mamba2",
    "MoE",
    "Primitive",
    "ShortConv",
]
