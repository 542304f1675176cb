"""From scores of many arrangements with several seeds to what a score can be trusted for.

With S_as = true_a + noise_as:

    noise         standard deviation between seeds of one arrangement (pooled)
    between       standard deviation of true_a
    reliability   between² / (between² + noise²), of a score from one seed; of the mean of n seeds
                  it is n·r / (1 + (n - 1)·r) (Spearman-Brown)
    split half    correlation between the mean scores of two halves of the tasks, stepped up by
                  Spearman-Brown, mean over all halves: do the tasks measure one thing?
    rank          Spearman correlation between the rankings by two seeds, mean over pairs

Intervals are 95 % percentile bootstraps over arrangements.

Shapes: A arrangements, S seeds, T tasks.
"""

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.evaluation.calibration import Calibration, Measured

Floats = NDArray[np.float64]
Interval = tuple[float, float]
RESAMPLES = 1000


@dataclass(frozen=True)
class Trust:
    """What one column of a calibration says.

    Attributes:
        column: a task's name, or `score`.
        mean, lowest, highest: over the arrangements' means.
        between, noise, reliability, rank: see the module's docstring.
        longer, longer_interval: rank correlation of one seed's scores with the longer preset's,
            mean over seeds; None without a longer preset.
        exact_difference: root mean square of fp32 minus this precision, same seed; None without.
        exact_rank: rank correlation between the two precisions.
    """

    column: str
    mean: float
    lowest: float
    highest: float
    between: float
    noise: float
    reliability: float
    rank: float
    longer: float | None = None
    longer_interval: Interval | None = None
    exact_difference: float | None = None
    exact_rank: float | None = None


def seed_noise(calibration: Calibration, column: str) -> float:
    """Return the standard deviation of a column between seeds."""
    scores_AS = _scores(calibration.arrangements, column)
    return math.sqrt(float(scores_AS.var(axis=1, ddof=1).mean()))


def trust(calibration: Calibration, column: str) -> Trust:
    """Describe one column."""
    scores_AS = _scores(calibration.arrangements, column)
    noise_variance = float(scores_AS.var(axis=1, ddof=1).mean())
    # The means over seeds still carry a share of the noise.
    share = noise_variance / scores_AS.shape[1]
    between_variance = max(0.0, float(scores_AS.mean(axis=1).var(ddof=1)) - share)
    total = between_variance + noise_variance
    means_A = scores_AS.mean(axis=1)
    found = Trust(
        column=column,
        mean=float(means_A.mean()),
        lowest=float(means_A.min()),
        highest=float(means_A.max()),
        between=math.sqrt(between_variance),
        noise=math.sqrt(noise_variance),
        reliability=between_variance / total if total else 0.0,
        rank=_mean_rank(scores_AS),
    )
    facts: dict[str, float | Interval] = {}
    if calibration.longer:
        short_AS, long_A = _paired(calibration.arrangements, calibration.longer, column)
        facts["longer"] = _rank_with(short_AS, long_A)
        facts["longer_interval"] = _interval(
            len(long_A), lambda rows: _rank_with(short_AS[rows], long_A[rows])
        )
    if calibration.exact:
        fast_AS, exact_A = _paired(calibration.arrangements, calibration.exact, column)
        facts["exact_difference"] = float(np.sqrt(((fast_AS[:, 0] - exact_A) ** 2).mean()))
        facts["exact_rank"] = spearman(fast_AS[:, 0], exact_A)
    return Trust(**{**found.__dict__, **facts})


@dataclass(frozen=True)
class Agreement:
    """How well a score at some cost ranks as the longer preset does.

    Attributes:
        times: what it costs, in evaluations of the preset.
        seeds: how many of them it is the mean of, if they are the preset's own; 1 for a single
            evaluation with `times` as much training.
        rank: Spearman correlation of the scores with the longer preset's, mean over choices of
            seeds.
        interval: its 95 % interval.
    """

    times: int
    seeds: int
    rank: float
    interval: Interval


def agreements(calibration: Calibration) -> list[Agreement]:
    """Return what more seeds and what more training buy; empty without a longer preset."""
    if not calibration.longer:
        return []
    found = []
    short_AS, long_A = _paired(calibration.arrangements, calibration.longer, "score")
    for seeds in range(1, short_AS.shape[1] + 1):
        choices = itertools.combinations(range(short_AS.shape[1]), seeds)
        means_AC = np.stack([short_AS[:, choice].mean(axis=1) for choice in choices], axis=1)
        found.append(_agreement(seeds, seeds, means_AC, long_A))
    for point in calibration.curve:
        scores_AS, target_A = _paired(point.measured, calibration.longer, "score")
        found.append(_agreement(point.times, 1, scores_AS, target_A))
    return found


def _agreement(times: int, seeds: int, scores_AS: Floats, long_A: Floats) -> Agreement:
    interval = _interval(len(long_A), lambda rows: _rank_with(scores_AS[rows], long_A[rows]))
    return Agreement(times, seeds, _rank_with(scores_AS, long_A), interval)


def split_half(calibration: Calibration) -> float:
    """Return the split-half reliability of the mean over tasks, seeds averaged."""
    tasks = [column for column in calibration.columns if column != "score"]
    scores_TA = np.array([_scores(calibration.arrangements, t).mean(axis=1) for t in tasks])
    found = []
    for half in itertools.combinations(range(len(tasks)), len(tasks) // 2):
        rest = [t for t in range(len(tasks)) if t not in half]
        r = float(np.corrcoef(scores_TA[list(half)].mean(0), scores_TA[rest].mean(0))[0, 1])
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def spearman(a_A: Floats, b_A: Floats) -> float:
    """Return the rank correlation, ties at their mean rank; NaN if one side is constant."""
    from scipy.stats import rankdata  # a second of every start, where nothing is ranked

    a, b = rankdata(a_A), rankdata(b_A)
    if np.ptp(a) == 0 or np.ptp(b) == 0:
        return math.nan
    return float(np.corrcoef(a, b)[0, 1])


def _scores(measured: tuple[Measured, ...], column: str) -> Floats:
    return np.array([each.scores[column] for each in measured], dtype=np.float64)


def _paired(
    measured: tuple[Measured, ...], others: tuple[Measured, ...], column: str
) -> tuple[Floats, Floats]:
    """Return scores (A, S) and the others' means (A,) for the others' arrangements."""
    own = {each.layers: each for each in measured}
    chosen = tuple(own[other.layers] for other in others)
    return _scores(chosen, column), _scores(others, column).mean(axis=1)


def _mean_rank(scores_AS: Floats) -> float:
    pairs = itertools.combinations(range(scores_AS.shape[1]), 2)
    return float(np.mean([spearman(scores_AS[:, i], scores_AS[:, j]) for i, j in pairs]))


def _rank_with(scores_AS: Floats, other_A: Floats) -> float:
    return float(np.mean([spearman(column_A, other_A) for column_A in scores_AS.T]))


def _interval(count: int, statistic: Callable[[NDArray[np.int64]], float]) -> Interval:
    rng = np.random.default_rng(0)
    values = [statistic(rng.integers(count, size=count)) for _ in range(RESAMPLES)]
    low, high = np.nanpercentile(values, [2.5, 97.5])
    return float(low), float(high)
