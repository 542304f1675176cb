"""What the paper's method would have claimed, and how often it claims as much by chance.

AIRA-Compose (§4.4) takes three sizes, and calls one design faster than another by q_1/q_2 - 1,
"54 % faster". Here that is computed for every choice of three of the sizes, and for runs that are
drawn from one law for all designs, where every difference is chance.

Shapes: S draws, K sizes of a budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from aira_dsl.scaling.isoflop.fit import Fit, surface_loss
from aira_dsl.scaling.isoflop.runs import Runs
from aira_dsl.scaling.isoflop.slopes import Curve, curves_of, paper_slope, sizes_of
from aira_dsl.utils.statistics import Floats

CLAIM = 0.54
"""The paper's headline."""

DRAWS = 4_000


@dataclass(frozen=True)
class Claims:
    """What the paper's method says of a design against a reference.

    Attributes:
        design, reference: names.
        three: q/q_reference - 1 by the choice of three sizes (ranks, the smallest is 0); choices
            without a slope are left out.
        choices: number of choices of three sizes.
        outer: the same from the smallest, the middle and the largest size of each budget; None if
            they give no slope.
        all_sizes: the same from parabolas through all sizes.
    """

    design: str
    reference: str
    three: dict[tuple[int, ...], float]
    choices: int
    outer: float | None
    all_sizes: float | None


@dataclass(frozen=True, slots=True)
class Chance:
    """How often designs of one and the same law differ by the paper's method.

    Attributes:
        sizes: sizes of a parabola; None for all.
        noise: standard deviation of a loss, in nats.
        designs: number of designs that are compared with the reference.
        pair: share of designs that are at least `CLAIM` faster than the reference.
        any_of: share of draws in which the fastest of the designs is.
        none: share of designs without a slope; they count as no claim.
        median: median of |q/q_reference - 1|; NaN without slopes.
    """

    sizes: int | None
    noise: float
    designs: int
    pair: float
    any_of: float
    none: float
    median: float


def claims(runs: Runs, reference: Runs) -> Claims | None:
    """Return what every choice of three sizes claims; None without budgets or equal sizes.

    A choice is used for both designs, at every budget that has the three sizes.
    """
    own, other, count = curves_of(runs), curves_of(reference), sizes_of(runs)
    if not own or not other or sizes_of(reference) != count:
        return None
    choices = list(combinations(range(count), 3))
    found = {choice: _claim(_chosen(own, choice), _chosen(other, choice)) for choice in choices}
    return Claims(
        runs.design,
        reference.design,
        {choice: value for choice, value in found.items() if value is not None},
        len(choices),
        _claim([curve.outer for curve in own], [curve.outer for curve in other]),
        _claim(own, other),
    )


def chance(
    fit: Fit, *, designs: int, noise: float, sizes: int | None = 3, draws: int = DRAWS
) -> Chance | None:
    """Return how often chance alone makes the paper's claim; None if the runs share no budgets.

    Args:
        fit: the law of all designs; runs are drawn at its sizes and budgets, one for each.
        designs: number of designs that are compared with a reference.
        noise: standard deviation of a loss, in nats.
        sizes: 3 for the smallest, the middle and the largest size of each budget; None for all.
        draws: number of draws.
    """
    curves = [curve.outer if sizes else curve for curve in curves_of(fit.runs)]
    if not curves:
        return None
    draw = np.random.default_rng(0)
    slopes_DS = np.stack([_drawn(fit, curves, noise, draws, draw) for _ in range(designs + 1)])
    claims_DS = slopes_DS[1:] / slopes_DS[0] - 1
    known_DS = np.isfinite(claims_DS)
    large_DS = known_DS & (np.nan_to_num(claims_DS) >= CLAIM)
    return Chance(
        sizes=sizes,
        noise=noise,
        designs=designs,
        pair=float(large_DS.mean()),
        any_of=float(large_DS.any(0).mean()),
        none=float(1 - known_DS.mean()),
        median=float(np.median(np.abs(claims_DS[known_DS]))) if known_DS.any() else float("nan"),
    )


def _chosen(curves: Sequence[Curve], choice: tuple[int, ...]) -> list[Curve]:
    """Return the curves with three sizes, of the budgets that have them."""
    return [curve.only(choice) for curve in curves if set(choice) <= set(curve.ranks)]


def _claim(own: Sequence[Curve], other: Sequence[Curve]) -> float | None:
    if not own or not other:
        return None
    first, second = (paper_slope(each, [c.loss_K[None] for c in each])[0] for each in (own, other))
    found = float(first / second - 1)
    return found if np.isfinite(found) else None


def _drawn(
    fit: Fit, curves: Sequence[Curve], noise: float, draws: int, draw: np.random.Generator
) -> Floats:
    """Return slopes (S) of runs that are drawn from the law."""
    losses = [
        surface_loss(fit.parameters_P, curve.params_K, curve.tokens_K)
        + noise * draw.standard_normal((draws, len(curve.ranks)))
        for curve in curves
    ]
    return paper_slope(curves, losses)
