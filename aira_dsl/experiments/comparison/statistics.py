"""Statistics of the runs of a comparison: best so far, wins, noise floor, scale, diversity.

Every score here is turned so that larger is better, and minus infinity stands for a run without a
score: it loses to every run that has one. Intervals are those of `aira_dsl.utils.statistics`.

Shapes: R and Q runs, S resamples, A arrangements, L slots.
"""

import math
from collections import Counter
from collections.abc import Sequence
from itertools import accumulate

import numpy as np

from aira_dsl.evaluation.noise import Noise
from aira_dsl.utils.statistics import Estimate, percentile_interval, shares

FLOOR = 1e-3
"""Smaller distances to the optimum count as this: see `normalised`."""


def best_so_far(scores: Sequence[float], budget: int) -> list[float]:
    """Return the best score after each of `budget` evaluations.

    A run that ended early keeps its last value.
    """
    best = list(accumulate(scores, max))[:budget]
    return best + [best[-1] if best else -math.inf] * (budget - len(best))


def beats(a_R: Sequence[float], b_Q: Sequence[float]) -> Estimate:
    """Return the share of pairs of runs in which `a` ends better, ties half, with its interval."""
    a_R1, b_1Q = np.array(a_R)[:, None], np.array(b_Q)[None, :]
    wins_RQ = (a_R1 > b_1Q) + 0.5 * (a_R1 == b_1Q)
    shares_S = np.einsum("sr,sr->s", shares(len(a_R), seed=0), shares(len(b_Q), seed=1) @ wins_RQ.T)
    return float(wins_RQ.mean()), *percentile_interval(shares_S, len(a_R), len(b_Q))


def noise_floor(a_R: Sequence[str], b_Q: Sequence[str], *, noise: Noise, repeats: int) -> float:
    """Return how far the noise of the final scores alone moves a difference of two means.

    If d = Σ w_x · score_x over the architectures x that the runs ended with, w_x being the share of
    `a`'s runs that ended with x minus that of `b`'s, then d has the standard deviation
    noise · √(Σ w_x² / repeats), whatever the true scores are. All architectures have the same test
    seeds and Σ w_x = 0, so the shift common to a seed cancels: the paired noise counts. Runs that
    end with the same architecture add no noise to the difference between them.

    Args:
        a_R, b_Q: fingerprints of what the runs ended with.
        noise: of one score.
        repeats: scores of each architecture.

    Returns:
        The standard deviation times the 97.5 % quantile of Student's t for `noise.freedom`.
    """
    a, b = Counter(a_R), Counter(b_Q)
    weights = [a[x] / len(a_R) - b[x] / len(b_Q) for x in {*a, *b}]
    return noise.quantile() * noise.value * math.sqrt(sum(w * w for w in weights) / repeats)


def normalised(score: float, *, optimum: float, worst: float, reference: float) -> float | None:
    """Return the place of a score between the worst run (0) and the best known score (1).

    With φ(s) = -log10(max(|s - optimum|, FLOOR)) it is (φ(s) - φ(worst)) / (φ(reference) -
    φ(worst)): halving the distance to the optimum counts the same wherever it happens. Never below
    0; above 1 for what beats the reference.

    The form is that of AIRS-Bench (github.com/facebookresearch/airs-bench), except at the optimum:
    there a score s = optimum is taken for 0.999, so that a perfect score of a measure whose optimum
    is 0 gets φ ≈ 0, the value of a bad one. Here the distance has a floor, the same for all
    measures.

    Args:
        score: turned so that larger is better; minus infinity gives 0.
        optimum: the score of a perfect model, turned likewise.
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
