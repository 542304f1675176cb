"""From scores of runs to what can be said of methods: curves, intervals, wins, diversity.

Every score here is turned so that larger is better, and minus infinity stands for a run without a
score: it loses to every run that has one. Intervals are 95 % percentile bootstraps over runs, with
the same resamples every time.

Shapes: R and Q runs, B evaluations, S resamples, A arrangements, L slots.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]
RESAMPLES = 10_000
FLOOR = 1e-3
"""Distances to the optimum below this count as this: see `normalised`."""

_PERCENTILES = (2.5, 97.5)


def best_so_far(scores: Sequence[float], budget: int) -> list[float]:
    """Return the best score after each of `budget` evaluations.

    A run that ended early keeps its last value: what was not spent can not find anything.
    """
    best = list(accumulate(scores, max))[:budget]
    return best + [best[-1] if best else -math.inf] * (budget - len(best))


def interval(values_R: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of finite values with its interval."""
    mean_B, low_B, high_B = intervals(np.array(values_R, dtype=np.float64)[:, None])
    return float(mean_B[0]), float(low_B[0]), float(high_B[0])


def intervals(values_RB: Floats) -> tuple[Floats, Floats, Floats]:
    """Return the mean of every column with its interval; the columns are resampled together."""
    means_SB = _weights(len(values_RB), seed=0) @ values_RB
    low_B, high_B = np.percentile(means_SB, _PERCENTILES, axis=0)
    return values_RB.mean(axis=0), low_B, high_B


def beats(a_R: Sequence[float], b_Q: Sequence[float]) -> tuple[float, float, float]:
    """Return the share of pairs of runs in which `a` ends better, ties half, with its interval."""
    a_R1, b_1Q = np.array(a_R)[:, None], np.array(b_Q)[None, :]
    wins_RQ = (a_R1 > b_1Q) + 0.5 * (a_R1 == b_1Q)
    shares_S = np.einsum(
        "sr,sr->s", _weights(len(a_R), seed=0), _weights(len(b_Q), seed=1) @ wins_RQ.T
    )
    low, high = np.percentile(shares_S, _PERCENTILES)
    return float(wins_RQ.mean()), float(low), float(high)


def difference(a_R: Sequence[float], b_Q: Sequence[float]) -> tuple[float, float, float]:
    """Return the mean of `a` minus that of `b`, all finite, with its interval."""
    means_S = _weights(len(a_R), seed=0) @ np.array(a_R)
    means_S -= _weights(len(b_Q), seed=1) @ np.array(b_Q)
    low, high = np.percentile(means_S, _PERCENTILES)
    return float(np.mean(a_R) - np.mean(b_Q)), float(low), float(high)


def noise_floor(a_R: Sequence[str], b_Q: Sequence[str], *, noise: float, repeats: int) -> float:
    """Return what the noise of the final scores alone may make of a difference of two means.

    If d = Σ w_x · score_x over the architectures x that the runs ended with, w_x being the share of
    `a`'s runs that ended with x minus that of `b`'s, then d has the standard deviation
    noise · √(Σ w_x² / repeats), whatever the true scores are. Runs that end with the same
    architecture add no noise to the difference between them, and no more certainty either.

    Args:
        a_R, b_Q: fingerprints of what the runs ended with.
        noise: standard deviation of one score.
        repeats: scores of each architecture.

    Returns:
        1.96 of these standard deviations.
    """
    a, b = Counter(a_R), Counter(b_Q)
    weights = [a[x] / len(a_R) - b[x] / len(b_Q) for x in {*a, *b}]
    return 1.96 * noise * math.sqrt(sum(w * w for w in weights) / repeats)


def normalised(score: float, *, optimum: float, worst: float, reference: float) -> float | None:
    """Return where a score stands between the worst run (0) and the best known score (1).

    With φ(s) = -log10(max(|s - optimum|, FLOOR)) it is (φ(s) - φ(worst)) / (φ(reference) -
    φ(worst)): halving the distance to the optimum counts the same wherever it happens. Never below
    0; above 1 for what beats the reference.

    The form is that of AIRS-Bench (github.com/facebookresearch/airs-bench), with a flaw mended:
    there a score s = optimum is taken for 0.999, so that a perfect score of a measure whose optimum
    is 0 gets φ ≈ 0, that of a bad one. Here the distance has a floor, the same for all measures.

    Args:
        score: turned so that larger is better; minus infinity gives 0.
        optimum: what a perfect model would get, turned likewise.
        worst, reference: turned likewise.

    Returns:
        The value, or None if `worst` and `reference` are the same to within the floor.
    """
    span = _closeness(reference, optimum) - _closeness(worst, optimum)
    if span <= 0:
        return None
    if score == -math.inf:
        return 0.0
    return max(0.0, (_closeness(score, optimum) - _closeness(worst, optimum)) / span)


def hamming(arrangements_A: Sequence[Sequence[str]]) -> float | None:
    """Return the mean share of slots in which two of the arrangements differ.

    Per slot that is the share of pairs with different blocks, which needs the counts only.
    """
    count = len(arrangements_A)
    if count < 2:
        return None
    pairs = count * (count - 1) / 2
    shares_L = [
        1 - sum(n * (n - 1) / 2 for n in Counter(slot).values()) / pairs
        for slot in zip(*arrangements_A, strict=True)
    ]
    return float(np.mean(shares_L))


def entropy_per_slot(arrangements_A: Sequence[Sequence[str]]) -> list[float]:
    """Return the Shannon entropy of the block names in each slot, in bits."""
    return [
        sum(n / len(slot) * math.log2(len(slot) / n) for n in Counter(slot).values())
        for slot in zip(*arrangements_A, strict=True)
    ]


def _closeness(score: float, optimum: float) -> float:
    return -math.log10(max(abs(score - optimum), FLOOR))


def _weights(runs: int, *, seed: int) -> Floats:
    """Return for every resample (S) how often it drew each run (R), divided by R."""
    counts_SR = np.random.default_rng(seed).multinomial(runs, [1 / runs] * runs, size=RESAMPLES)
    weights_SR: Floats = counts_SR / runs
    return weights_SR
