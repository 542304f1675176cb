"""Which way scores get better: the only place that compares two scores."""

from collections.abc import Iterable
from enum import StrEnum


class Direction(StrEnum):
    """Direction of optimisation; the values are Optuna's words."""

    MAXIMIZE = "maximize"
    MINIMIZE = "minimize"

    @property
    def sign(self) -> int:
        """Factor that turns a score into a fitness, of which more is better: 1 or -1."""
        return 1 if self is Direction.MAXIMIZE else -1

    def better(self, a: float, b: float) -> bool:
        """Return whether score `a` is better than score `b`."""
        return self.sign * a > self.sign * b

    def best(self, scores: Iterable[float]) -> float | None:
        """Return the best score; None without any."""
        return max(scores, key=lambda score: self.sign * score, default=None)

    def worst(self, scores: Iterable[float]) -> float | None:
        """Return the worst score; None without any."""
        return min(scores, key=lambda score: self.sign * score, default=None)
