"""The architecture as a value, its notation, and what it costs."""

from aira_dsl.architecture.costs import Costs, cost
from aira_dsl.architecture.pattern import compress
from aira_dsl.architecture.value import MAX_LAYERS, Architecture, Design, SpaceDefinition

__all__ = ["MAX_LAYERS", "Architecture", "Costs", "Design", "SpaceDefinition", "compress", "cost"]
