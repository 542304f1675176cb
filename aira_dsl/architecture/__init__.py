"""The architecture as a value, its notation, and what it costs."""

from aira_dsl.architecture.costs import BATCH_TOKENS, CONVENTIONS, Costs, cost
from aira_dsl.architecture.pattern import MAX_LAYERS, compress
from aira_dsl.architecture.value import SETTINGS, Architecture, Design, Scale, SpaceDefinition

__all__ = [
    "BATCH_TOKENS",
    "CONVENTIONS",
    "MAX_LAYERS",
    "SETTINGS",
    "Architecture",
    "Costs",
    "Design",
    "Scale",
    "SpaceDefinition",
    "compress",
    "cost",
]
