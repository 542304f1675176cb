"""The architecture as a value, its notation, and what it costs."""

from aira_dsl.architecture.architecture import (
    SETTINGS,
    Architecture,
    Design,
    Scale,
    SpaceDefinition,
)
from aira_dsl.architecture.costs import (
    AS_WRITTEN,
    BATCH_TOKENS,
    CONVENTIONS,
    ELEMENT_BYTES,
    WEIGHT_BITS,
    Cache,
    Costs,
    Workload,
    cost,
    kept_tokens,
)
from aira_dsl.architecture.pattern import MAX_LAYERS, compress

__all__ = [
    "AS_WRITTEN",
    "BATCH_TOKENS",
    "CONVENTIONS",
    "ELEMENT_BYTES",
    "MAX_LAYERS",
    "SETTINGS",
    "WEIGHT_BITS",
    "Architecture",
    "Cache",
    "Costs",
    "Design",
    "Scale",
    "SpaceDefinition",
    "Workload",
    "compress",
    "cost",
    "kept_tokens",
]
