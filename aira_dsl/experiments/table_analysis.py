"""Analysis of a table: noise, and how much of a score counts, pairs and positions explain.

Models of the score are nested and linear: how many of each block; also how many ordered pairs of
neighbours; instead of pairs, which block stands where; all of it. R² is of predictions of rows that
were left out (ten folds), so that more parameters alone do not raise it; the
ceiling is the share of the variance of the means that is not noise.

Shapes: A arrangements, S seeds, F features.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from aira_dsl.evaluation.table import Table

Floats = NDArray[np.float64]
FOLDS = 10


@dataclass(frozen=True)
class Analysis:
    """Statistics of a table.

    Attributes:
        noise: standard deviation between seeds of one arrangement, pooled over all scores; NaN with
            one seed.
        between: standard deviation of true scores; NaN with one seed.
        ceiling: share of the variance of the means that is not noise; NaN with one seed.
        explained: R² of left-out rows by model: counts, pairs, positions, all.
    """

    noise: float
    between: float
    ceiling: float
    explained: dict[str, float]


def analyse(table: Table) -> Analysis:
    """Analyse the objective of a table."""
    means_A, seeds_A = table.means_A, table.seeds_A
    noise = between = ceiling = float("nan")
    if (repeats := int((seeds_A - 1).sum())) > 0:
        squares = np.nansum((table.scores_AS - means_A[:, None]) ** 2)
        noise_variance = float(squares) / repeats
        total = float(means_A.var(ddof=1))
        between_variance = max(0.0, total - noise_variance * float((1 / seeds_A).mean()))
        noise, between = noise_variance**0.5, between_variance**0.5
        ceiling = between_variance / total if total else float("nan")
    names, arrangements = table.space.names, table.arrangements
    counts = _features(arrangements, lambda layers: [layers.count(n) for n in names])
    pairs = _features(
        arrangements,
        lambda layers: [
            sum(two == (a, b) for two in pairwise(layers)) for a in names for b in names
        ],
    )
    places = _features(arrangements, lambda layers: [n == each for each in layers for n in names])
    models = {
        "counts": [counts],
        "counts and pairs": [counts, pairs],
        "positions": [places],
        "positions and pairs": [places, pairs],
    }
    explained = {
        name: _explained(np.concatenate(parts, axis=1), means_A) for name, parts in models.items()
    }
    return Analysis(noise, between, ceiling, explained)


def ranks(table: Table) -> dict[str, int]:
    """Return the rank of every arrangement by its mean score, 1 for the best."""
    order = np.argsort(-table.evaluator.direction.sign * table.means_A, kind="stable")
    names = list(table.rows)
    return {names[row]: place for place, row in enumerate(order.tolist(), 1)}


def _features(
    arrangements: Sequence[tuple[str, ...]],
    describe: Callable[[tuple[str, ...]], Sequence[float]],
) -> Floats:
    return np.array([describe(layers) for layers in arrangements], dtype=np.float64)


def _explained(features_AF: Floats, score_A: Floats) -> float:
    """Return the R² of least squares on rows that were left out."""
    with_one = np.concatenate([features_AF, np.ones((len(score_A), 1))], axis=1)
    fold_A = np.random.default_rng(0).permutation(len(score_A)) % FOLDS
    predicted_A = np.empty_like(score_A)
    for fold in range(FOLDS):
        inside = fold_A == fold
        weights, *_ = np.linalg.lstsq(with_one[~inside], score_A[~inside], rcond=None)
        predicted_A[inside] = with_one[inside] @ weights
    residual = float(((score_A - predicted_A) ** 2).sum())
    return 1 - residual / float(((score_A - score_A.mean()) ** 2).sum())
