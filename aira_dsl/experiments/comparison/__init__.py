"""Methods against each other: every method with every seed on equal budgets, and a verdict."""

from aira_dsl.experiments.comparison.record import (
    Comparison,
    Interval,
    Method,
    RunSummary,
    read_comparison,
)

__all__ = ["Comparison", "Interval", "Method", "RunSummary", "read_comparison"]
