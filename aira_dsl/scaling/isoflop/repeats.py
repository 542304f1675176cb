"""Runs that differ in their seed alone: how much noise a loss has, and whether a law is enough.

Shapes: R runs.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aira_dsl.scaling.isoflop.fit import Fit
from aira_dsl.scaling.isoflop.runs import Runs

_UNLIKELY = 0.01
_LEAST_FREEDOM = 3
_COPIED = 1e-9  # nats; repeats that differ by less are one run


@dataclass(frozen=True, slots=True)
class LackOfFit:
    """The test of a law by repeated runs (Draper and Smith, Applied Regression Analysis, §2.1).

    Attributes:
        ratio: mean square of the deviations of repeated runs' means from the law, divided by
            that of the runs from their means; near 1 if the law is right.
        freedom: degrees of freedom of both.
        p: probability of a ratio this large if the law is right and noise is normal.
    """

    ratio: float
    freedom: tuple[int, int]
    p: float

    @property
    def rejects(self) -> bool:
        """Whether the law does not describe the runs: p is below 0.01."""
        return self.p < _UNLIKELY


def seed_noise(designs: Sequence[Runs]) -> float | None:
    """Return the standard deviation of the loss among runs that differ in their seed alone.

    None if there are none.
    """
    found = [_within(runs) for runs in designs]
    freedom = sum(each for _, each in found)
    return math.sqrt(sum(each for each, _ in found) / freedom) if freedom else None


def lack_of_fit(fit: Fit) -> LackOfFit | None:
    """Compare the residuals of a fit with the noise of repeated runs.

    None without three degrees of freedom of repeated runs that are not copies, without more sizes
    and budgets than the law has parameters, and for the objective `huber`, which expects outliers.
    """
    squares, within = _within(fit.runs)
    between = len(fit.runs) - within - fit.freedom
    if within < _LEAST_FREEDOM or between < 1 or fit.objective == "huber":
        return None
    if squares < within * _COPIED**2:
        return None
    from scipy.special import fdtrc  # not at the top: its import takes long

    left = max(fit.deviation**2 * len(fit.runs) - squares, 0.0)
    ratio = (left / between) / (squares / within)
    return LackOfFit(ratio, (between, within), float(fdtrc(between, within, ratio)))


def _within(runs: Runs) -> tuple[float, int]:
    """Return the sum of squares of losses around the means of their repeats, and its freedom."""
    _, place_R, count = np.unique(
        np.stack([runs.params_R, runs.tokens_R], -1),
        axis=0,
        return_inverse=True,
        return_counts=True,
    )
    mean = np.bincount(place_R, runs.loss_R) / count
    return float(((runs.loss_R - mean[place_R]) ** 2).sum()), len(runs) - len(count)
