"""From a searched design to a large one: the sizes, and how a pattern gets there."""

from aira_dsl.scaling.paper_sizes import SIZES, extrapolate, sized

__all__ = ["SIZES", "extrapolate", "sized"]
