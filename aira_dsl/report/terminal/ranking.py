"""Which of the best trials the noise of the scores leaves undecided."""

import math
from collections.abc import Sequence

from aira_dsl.study.trials import Trial

TWO_SIDED = 1.96
"""Standard deviations that hold 95 % of a normal variable."""


def repeats_of(best: Trial) -> int:
    """Return how many evaluations stand behind the value that a trial is ranked by."""
    return 1 if best.confirmed is None else len(best.repeats)


def not_told_apart(order: Sequence[Trial], noise: float) -> list[Trial]:
    """Return the repeated trials whose means differ from the best one's by no more than noise.

    Args:
        order: trials, best first.
        noise: standard deviation of a score between seeds.
    """
    best = order[0]
    if best.confirmed is None:
        return []
    margin = TWO_SIDED * math.sqrt(2 / repeats_of(best)) * noise
    return [
        row
        for row in order[1:]
        if row.confirmed is not None and abs(row.confirmed - best.confirmed) < margin
    ]


def single_margin(best: Trial, noise: float) -> float:
    """Return by how much one evaluation must differ from the best's value to say anything."""
    return TWO_SIDED * math.sqrt(1 + 1 / repeats_of(best)) * noise
