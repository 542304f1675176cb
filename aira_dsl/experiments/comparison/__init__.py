"""Methods against each other: every method with every seed on equal budgets, and a verdict."""

from aira_dsl.experiments.comparison.design_record import DesignComparison, Overall
from aira_dsl.experiments.comparison.reading import read_any_comparison, read_comparison
from aira_dsl.experiments.comparison.record import Comparison, Interval, Method, RunSummary

__all__ = [
    "Comparison",
    "DesignComparison",
    "Interval",
    "Method",
    "Overall",
    "RunSummary",
    "read_any_comparison",
    "read_comparison",
]
