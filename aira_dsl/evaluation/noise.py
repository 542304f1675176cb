"""Noise of a score between seeds, measured where it is used.

The score of arrangement a with seed s is modelled, within a small range of true scores, as

    score_as = true_a + shift_s + e_as,        e_as with mean 0 and variance σ²

since a seed draws the data and the initial weights for all arrangements alike. Two scores with the
same seeds differ by noise of σ only (paired); scores with different seeds differ by the shift, too.
From A arrangements with the same S seeds σ² is estimated by the residuals of both means,

    s² = Σ_as (score_as - mean_a - mean_s + mean)² / d,        d = (A - 1) · (S - 1).

Noise depends on the score, so only the arrangements of nearest mean score are taken: 2·√A of A.

A search that repeats three winners with two seeds has d = 2, which is too few to stand alone. Its
s² is shrunk towards the s₀² of a calibration at the same scores (Smyth 2004, "Linear models and
empirical Bayes methods for assessing differential expression in microarray experiments", Stat.
Appl. Genet. Mol. Biol. 3(1), article 3, section 3): with the prior s₀²/σ² ~ χ²(d₀)/d₀, the inverse
gamma distribution that is conjugate to normal errors,

    s̃² = (d₀·s₀² + d·s²) / (d₀ + d),

and a difference divided by its standard error with s̃ follows Student's t with d₀ + d degrees of
freedom. d₀ is the worth of a calibration in another space, `PRIOR_FREEDOM`.

Shapes: A arrangements, S seeds.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from aira_dsl.evaluation.calibration import load_calibration
from aira_dsl.evaluation.direction import Direction
from aira_dsl.utils.formatting import plural
from aira_dsl.utils.student import student_quantile

if TYPE_CHECKING:
    from aira_dsl.evaluation.presets import EvaluatorSettings
    from aira_dsl.evaluation.table import Table

Floats = NDArray[np.float64]
Origin = Literal["table", "repeats", "calibration", "repeats and calibration"]

PRIOR_FREEDOM = 4.0
"""d₀: how many degrees of freedom a calibration in another space is worth.

The shipped calibration and the shipped table measure the same preset in two spaces. The logarithms
of their local variances differ, beyond what sampling explains, by what χ² with about 4 degrees of
freedom would: `python -m benchmarks.noise` computes it.
"""


@dataclass(frozen=True)
class Noise:
    """The noise of one score.

    Attributes:
        value: standard deviation between scores with the same seed: the shift that is common to all
            scores of a seed is removed.
        unpaired: standard deviation between scores with different seeds: the shift included.
        freedom: degrees of freedom of `value`, a whole number.
        origin: the data it was measured from.
        basis: the same in words, such as `54 arrangements of the table at scores 0.729 to 0.760`.
    """

    value: float
    unpaired: float
    freedom: Annotated[float, Field(ge=1, multiple_of=1)]
    origin: Origin
    basis: str

    def quantile(self, comparisons: int = 1) -> float:
        """Return the two-sided 95 % quantile in standard errors, for one of several comparisons.

        Each is made at 5 % divided by their number (Bonferroni).
        """
        return student_quantile(1 - 0.025 / comparisons, self.freedom)

    def paired_margin(self, repeats: int, *, of: int = 2) -> float:
        """Return how far noise moves the difference of two means over the same seeds.

        Args:
            repeats: scores in each mean.
            of: number of means from which the best was chosen: each pair of them might have been
                the one that is compared.
        """
        return self.quantile(math.comb(of, 2)) * math.sqrt(2 / repeats) * self.value

    def single_margin(self, repeats: int) -> float:
        """Return how far noise moves one score from a mean of `repeats` scores of other seeds."""
        return self.quantile() * math.sqrt(1 + 1 / repeats) * self.unpaired


def table_noise(table: "Table", near: float | None = None) -> Noise | None:
    """Return the noise of a table at a score; None if it has fewer than two seeds everywhere.

    Args:
        table: with its scores; arrangements with fewer seeds than most are left out.
        near: the score; None for the best one.
    """
    scores_AS = table.scores_AS[~np.isnan(table.scores_AS).any(axis=1)]
    if scores_AS.shape[1] < 2 or len(scores_AS) < 2:
        return None
    best = _best(scores_AS, table.evaluator.direction)
    local = pooled_near(scores_AS, best if near is None else near)
    return Noise(
        value=math.sqrt(local.variance),
        unpaired=math.sqrt(local.unpaired),
        freedom=local.freedom,
        origin="table",
        basis=f"{plural(len(local.rows), 'arrangement')} of the table at {local.range}",
    )


def calibrated_noise(settings: "EvaluatorSettings", near: float | None = None) -> Noise | None:
    """Return the noise that the nearest calibration found at a score; None without a calibration.

    The nearest calibration is the one of the same tasks and training; its precision and device may
    differ, since scores in other precisions differ by less than two seeds do.

    Args:
        settings: of the evaluator.
        near: the score; None for the best one.
    """
    calibration = load_calibration(settings.preset)
    if calibration is None or settings.objective != "mad":
        return None  # a language model's identity would read its corpus
    measured = settings.model_copy(update={"precision": calibration.precision, "device": "cpu"})
    if measured.identity() != calibration.identity:  # other tasks under the same name
        return None
    scores_AS = calibration.scores("score")
    local = pooled_near(scores_AS, _best(scores_AS, settings.direction) if near is None else near)
    return Noise(
        value=math.sqrt(local.variance),
        unpaired=math.sqrt(local.unpaired),
        freedom=PRIOR_FREEDOM,
        origin="calibration",
        basis=f"the {settings.preset} calibration at {local.range}",
    )


def search_noise(
    settings: "EvaluatorSettings",
    repeats: Sequence[Mapping[str, float | None]],
    *,
    near: float | None,
    table: "Table | None" = None,
) -> Noise | None:
    """Return the noise of the scores of a search near its best one; None if nothing tells it.

    Args:
        settings: of the evaluator.
        repeats: of each winner, its scores by seed; those that lack a seed are left out.
        near: the best score; None if there is none yet.
        table: the evaluator's, if scores are looked up: then its own noise counts.
    """
    if table is not None:
        return table_noise(table, near)
    return shrunk(_complete(repeats), calibrated_noise(settings, near))


def shrunk(scores_AS: Floats, prior: Noise | None) -> Noise | None:
    """Return the noise of scores with shared seeds, shrunk towards a prior.

    Args:
        scores_AS: of A arrangements with the same S seeds.
        prior: None for no shrinkage.

    Returns:
        The prior itself, if there are fewer than two arrangements or seeds.
    """
    if min(scores_AS.shape) < 2:
        return prior
    arrangements, seeds = scores_AS.shape
    own = pooled(scores_AS, np.arange(arrangements))
    basis = f"{plural(seeds, 'repeat')} of {plural(arrangements, 'architecture')}"
    if prior is None:
        return Noise(
            math.sqrt(own.variance), math.sqrt(own.unpaired), own.freedom, "repeats", basis
        )
    weight = prior.freedom
    variance = (weight * prior.value**2 + own.freedom * own.variance) / (weight + own.freedom)
    # The shift is the same in all arrangements: it is measured S - 1 times only.
    unpaired = (weight * prior.unpaired**2 + (seeds - 1) * own.unpaired) / (weight + seeds - 1)
    return Noise(
        value=math.sqrt(variance),
        unpaired=math.sqrt(max(variance, unpaired)),
        freedom=weight + own.freedom,
        origin="repeats and calibration",
        basis=f"{basis} and {prior.basis}",
    )


@dataclass(frozen=True)
class Pooled:
    """Variances of arrangements that have the same seeds.

    Attributes:
        variance: σ², the shift common to a seed removed.
        unpaired: variance between seeds, the shift included.
        freedom: degrees of freedom of `variance`.
        rows: which arrangements.
        low, high: range of their mean scores.
    """

    variance: float
    unpaired: float
    freedom: float
    rows: NDArray[np.int64]
    low: float
    high: float

    @property
    def range(self) -> str:
        """The range of scores in words."""
        return f"scores {self.low:.3f} to {self.high:.3f}"


def pooled_near(scores_AS: Floats, near: float) -> Pooled:
    """Pool the 2·√A arrangements whose mean scores are nearest to a score."""
    means_A = scores_AS.mean(axis=1)
    count = min(len(means_A), max(2, round(2 * math.sqrt(len(means_A)))))
    return pooled(scores_AS, np.argsort(np.abs(means_A - near), kind="stable")[:count])


def pooled(scores_AS: Floats, rows: NDArray[np.int64]) -> Pooled:
    """Pool the variances of some rows: two at least, with two seeds at least."""
    means_A = scores_AS[rows].mean(axis=1)
    within_AS = scores_AS[rows] - means_A[:, None]
    residuals_AS = within_AS - within_AS.mean(axis=0)
    arrangements, seeds = within_AS.shape
    freedom = (arrangements - 1) * (seeds - 1)
    variance = float((residuals_AS**2).sum()) / freedom
    return Pooled(
        variance=variance,
        unpaired=max(variance, float((within_AS**2).sum()) / (arrangements * (seeds - 1))),
        freedom=freedom,
        rows=rows,
        low=float(means_A.min()),
        high=float(means_A.max()),
    )


def _best(scores_AS: Floats, direction: Direction) -> float:
    best = direction.best(scores_AS.mean(axis=1).tolist())
    assert best is not None
    return best


def _complete(repeats: Sequence[Mapping[str, float | None]]) -> Floats:
    """Return the scores of those that have one for every seed, by arrangement and seed."""
    seeds = sorted({seed for each in repeats for seed in each})
    rows = [[each.get(seed) for seed in seeds] for each in repeats]
    known = [row for row in rows if None not in row]
    return np.array(known, dtype=np.float64).reshape(len(known), len(seeds))
