"""The difference between a candidate and the baseline, and whether noise explains it."""

import math
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.utils.student import student_quantile


@dataclass(frozen=True)
class Improvement:
    """The difference between a candidate and the baseline.

    Attributes:
        mean: how much better the candidate is; negative if it is worse.
        low, high: its 95 % interval.
        scores: number of scores of the candidate with seeds that the run did not choose it by.
        baseline: number of scores of the baseline.
    """

    mean: float
    low: float
    high: float
    scores: int
    baseline: int

    @property
    def significant(self) -> bool:
        """Whether the candidate is better beyond noise."""
        return self.low > 0


def improvement(
    repeats: Mapping[str, float | None],
    baseline: Sequence[float],
    noise: Noise | None,
    direction: Direction,
) -> Improvement | None:
    """Compare a candidate with the baseline; None if there is nothing to compare or no noise.

    Args:
        repeats: scores of the candidate with other seeds than the one it was chosen by.
        baseline: scores of the baseline.
        noise: of a score.
        direction: which way scores get better.
    """
    scores = [score for score in repeats.values() if score is not None]
    if noise is None or len(scores) < len(repeats) or not scores or not baseline:
        return None
    gain = direction.sign * (statistics.fmean(scores) - statistics.fmean(baseline))
    error = margin(noise, len(scores), len(baseline))
    return Improvement(gain, gain - error, gain + error, len(scores), len(baseline))


def margin(noise: Noise, scores: int, baseline: int) -> float:
    """Return half the 95 % interval of a difference: t σ √(1/scores + 1/baseline).

    Args:
        noise: of a score.
        scores: number of scores of a candidate, 1 or more.
        baseline: number of scores of the baseline, 1 or more.
    """
    error = noise.value * math.sqrt(1 / scores + 1 / baseline)
    return student_quantile(0.975, noise.freedom) * error
