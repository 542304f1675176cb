"""Bootstrap intervals and rank correlations, over all resamples at once.

Intervals of means are 95 % expanded percentile intervals (Hesterberg 2015, "What Teachers Should
Know About the Bootstrap", The American Statistician 69(4), section 5.3). The plain percentile
interval of n values is too narrow: the resampled means have the variance of the values divided by n
twice over, (n - 1)/n of what it should be, and normal instead of Student quantiles. The expanded
interval takes the percentiles Φ(-z') and Φ(z') of the same resamples, with

    z' = t(0.975, n - 1) · √(n / (n - 1)),

and is as wide as Student's interval where the means are normal, skewed where they are skewed.
Resamples are drawn the same way every time.

Shapes: R and Q values, B columns, S resamples, A items.
"""

import math
from collections.abc import Callable, Sequence
from functools import cache

import numpy as np
from numpy.typing import NDArray

from aira_dsl.utils.student import student_quantile

Floats = NDArray[np.float64]
Estimate = tuple[float, float, float]
"""A value with the lower and upper end of its interval."""

RESAMPLES = 10_000


def mean_interval(values_R: Sequence[float]) -> Estimate:
    """Return the mean of finite values with its interval; of one value, that value three times."""
    mean_B, low_B, high_B = mean_intervals(np.array(values_R, dtype=np.float64)[:, None])
    return float(mean_B[0]), float(low_B[0]), float(high_B[0])


def mean_intervals(values_RB: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean of every column with its interval; the columns are resampled together."""
    runs = len(values_RB)
    means_SB = shares(runs, seed=0) @ values_RB
    low_B, high_B = np.percentile(means_SB, _ends(runs - 1, runs), axis=0)
    return values_RB.mean(axis=0), low_B, high_B


def difference_interval(a_R: Sequence[float], b_Q: Sequence[float]) -> Estimate:
    """Return the mean of `a` minus that of `b` with its interval, both resampled independently.

    The interval of b - a is the mirror image of that of a - b.
    """
    if (b := list(b_Q)) < (a := list(a_R)):  # one order of the two samples, so one set of resamples
        mean, low, high = difference_interval(b, a)
        return -mean, -high, -low
    means_S = shares(len(a), seed=0) @ np.array(a) - shares(len(b), seed=1) @ np.array(b)
    low, high = percentile_interval(means_S, len(a), len(b))
    if a == b:  # its own mirror image
        low, high = -(high - low) / 2, (high - low) / 2
    return float(np.mean(a) - np.mean(b)), low, high


def percentile_interval(values_S: Floats, runs: int, others: int) -> tuple[float, float]:
    """Return the expanded interval of a resampled statistic of two samples of these sizes."""
    low, high = np.percentile(values_S, _ends(runs + others - 2, min(runs, others)))
    return float(low), float(high)


def row_interval(
    rows: int, statistic: Callable[[NDArray[np.int64]], Floats], *, resamples: int = 1_000
) -> tuple[float, float]:
    """Return the 95 % percentile interval of any statistic of rows that are resampled.

    Args:
        rows: how many there are.
        statistic: from row numbers (S, rows), one line a resample, to its values (S); NaN where it
            is not defined.
        resamples: S.
    """
    drawn_SR = np.random.default_rng(0).integers(rows, size=(resamples, rows))
    low, high = np.nanpercentile(statistic(drawn_SR), (2.5, 97.5))
    return float(low), float(high)


@cache
def shares(runs: int, seed: int) -> Floats:
    """Return for every resample (S) how often it drew each run (R), divided by R; read-only."""
    counts_SR = np.random.default_rng(seed).multinomial(runs, [1 / runs] * runs, size=RESAMPLES)
    shares_SR: Floats = counts_SR / runs
    shares_SR.flags.writeable = False
    return shares_SR


def rank_correlation(a_SA: Floats, b_SA: Floats) -> Floats:
    """Return Spearman's correlation along the last axis, ties at their mean rank.

    NaN where one side is constant. The leading axes are broadcast.
    """
    from scipy.stats import rankdata  # not at the top: its import takes a second

    a, b = (_centred(rankdata(side, axis=-1)) for side in (a_SA, b_SA))
    with np.errstate(invalid="ignore"):
        found: Floats = (a * b).sum(-1) / np.sqrt((a * a).sum(-1) * (b * b).sum(-1))
    return found


def _ends(freedom: int, runs: int) -> tuple[float, float]:
    """Return the percentages of resamples below the ends of an expanded interval."""
    if runs < 2:
        return 0.0, 100.0  # all resamples are equal, or too few to say more
    width = student_quantile(0.975, freedom) * math.sqrt(runs / (runs - 1))
    share = 100 * math.erfc(width / math.sqrt(2)) / 2  # Φ(-width)
    return share, 100 - share


def _centred(ranks_SA: Floats) -> Floats:
    centred: Floats = ranks_SA - ranks_SA.mean(axis=-1, keepdims=True)
    return centred
