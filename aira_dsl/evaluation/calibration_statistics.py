"""Reliability of a score, from many arrangements that were evaluated with several seeds.

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
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.evaluation.calibration import Calibration, Measured, scores_of
from aira_dsl.utils.statistics import rank_correlation, row_interval

Floats = NDArray[np.float64]
Interval = tuple[float, float]


@dataclass(frozen=True)
class Trust:
    """The statistics of one column of a calibration.

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


@dataclass(frozen=True)
class Agreement:
    """How well a score at some cost ranks as the longer preset does.

    Attributes:
        times: its cost, in evaluations of the preset.
        seeds: of how many of the preset's evaluations it is the mean; 1 for a single evaluation
            with `times` as much training.
        rank: Spearman correlation of the scores with the longer preset's, mean over choices of
            seeds.
        interval: its 95 % interval.
    """

    times: int
    seeds: int
    rank: float
    interval: Interval


@dataclass(frozen=True)
class CalibrationAnalysis:
    """The statistics of a calibration, computed once and passed to every report of it.

    Attributes:
        columns: by column, the tasks first, then `score`.
        split_half: split-half reliability of the mean over tasks, seeds averaged.
        agreements: the effect of more seeds and of more training; empty without a longer preset.
    """

    columns: dict[str, Trust]
    split_half: float
    agreements: tuple[Agreement, ...]


def analyse_calibration(calibration: Calibration) -> CalibrationAnalysis:
    """Compute all statistics of a calibration."""
    return CalibrationAnalysis(
        columns={column: trust(calibration, column) for column in calibration.columns},
        split_half=split_half(calibration),
        agreements=tuple(agreements(calibration)),
    )


def trust(calibration: Calibration, column: str) -> Trust:
    """Compute the statistics of one column."""
    scores_AS = calibration.scores(column)
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
        facts["longer_interval"] = _rank_interval(short_AS, long_A)
    if calibration.exact:
        fast_AS, exact_A = _paired(calibration.arrangements, calibration.exact, column)
        facts["exact_difference"] = float(np.sqrt(((fast_AS[:, 0] - exact_A) ** 2).mean()))
        facts["exact_rank"] = float(rank_correlation(fast_AS[:, 0], exact_A))
    return Trust(**{**found.__dict__, **facts})


def agreements(calibration: Calibration) -> list[Agreement]:
    """Return the effect of more seeds and of more training; empty without a longer preset."""
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
    rank, interval = _rank_with(scores_AS, long_A), _rank_interval(scores_AS, long_A)
    return Agreement(times, seeds, rank, interval)


def split_half(calibration: Calibration) -> float:
    """Return the split-half reliability of the mean over tasks, seeds averaged."""
    tasks = [column for column in calibration.columns if column != "score"]
    scores_TA = np.array([calibration.scores(t).mean(axis=1) for t in tasks])
    found = []
    for half in itertools.combinations(range(len(tasks)), len(tasks) // 2):
        rest = [t for t in range(len(tasks)) if t not in half]
        r = float(np.corrcoef(scores_TA[list(half)].mean(0), scores_TA[rest].mean(0))[0, 1])
        found.append(2 * r / (1 + r))
    return float(np.mean(found))


def _paired(
    measured: tuple[Measured, ...], others: tuple[Measured, ...], column: str
) -> tuple[Floats, Floats]:
    """Return scores (A, S) and the others' means (A,) for the others' arrangements."""
    own = {each.layers: each for each in measured}
    chosen = tuple(own[other.layers] for other in others)
    return scores_of(chosen, column), scores_of(others, column).mean(axis=1)


def _mean_rank(scores_AS: Floats) -> float:
    pairs = list(itertools.combinations(range(scores_AS.shape[1]), 2))
    first, second = (scores_AS.T[[pair[side] for pair in pairs]] for side in (0, 1))
    return float(rank_correlation(first, second).mean())


def _rank_with(scores_AS: Floats, other_A: Floats) -> float:
    return float(rank_correlation(scores_AS.T, other_A).mean())


def _rank_interval(scores_AS: Floats, other_A: Floats) -> Interval:
    """Return the interval of the mean rank correlation with the others, over arrangements."""

    def means(rows: NDArray[np.int64]) -> Floats:
        correlations = rank_correlation(scores_AS.T[:, rows], other_A[rows])
        mean: Floats = correlations.mean(axis=0)
        return mean

    return row_interval(len(other_A), means)
