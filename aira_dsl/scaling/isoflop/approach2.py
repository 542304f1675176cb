"""Approach 2 (Hoffmann et al. 2022, section 3.2): a parabola for each budget, then lines.

For each budget a parabola of loss against log10 N; its lowest point is the optimum of the budget.
A line through the optima, log10 N* against log10 C, has the exponent a as its slope. AIRA-Compose
(section 4.4 and figures 5, 6) uses three sizes, so its parabolas pass through every point, and
compares designs by slope q and intercept m of the line of lowest loss against log10 N*.

On exact surfaces the exponents are biased where sizes are not centred on the optimum or the centre
drifts with the budget (Open-Athena, scaling-law-analysis, 2026): `fit` is not. Reported for
comparison, without intervals.
"""

import math
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aira_dsl.scaling.isoflop.runs import Runs, distinct
from aira_dsl.utils.statistics import Floats

Method = Literal["approach2", "three_point"]
Places = NDArray[np.intp]
OUTSIDE = "the optimum lies outside of the sizes"
_FLAT = 1e-12  # of the loss: rounding
SAME = math.log(1.01)  # two sizes within one per cent are one


@dataclass(frozen=True, slots=True)
class Curve:
    """The parabola of one budget.

    Attributes:
        flops: the budget.
        runs: number of runs of the parabola.
        params: N at its lowest point; None if it has none.
        loss: the loss there.
        edge: why the optimum is uncertain; empty if it is inside of the sizes.
        used: whether the lines use it; they use optima between the smallest and the largest size.
    """

    flops: float
    runs: int
    params: float | None
    loss: float | None
    edge: str
    used: bool


@dataclass(frozen=True, slots=True)
class Parabolas:
    """What the parabolas of a design say.

    Attributes:
        method: all sizes of each budget, or three.
        curves: one for each budget with at least three sizes, cheapest first.
        a: exponent of N* in C; None with fewer than two usable optima.
        q: slope of the lowest loss against log10 N*, in nats; None as `a`.
        m: the same line at N* = 1, in nats; None as `a`.
    """

    method: Method
    curves: tuple[Curve, ...]
    a: float | None
    q: float | None
    m: float | None


def parabolas(runs: Runs, method: Method) -> Parabolas | None:
    """Fit parabolas to the runs of each budget; None if the runs share no budgets."""
    if runs.budget_R is None:
        return None
    choose = _all_sizes if method == "approach2" else _three_sizes
    curves = [
        _curve(float(budget), runs, choose(runs, np.flatnonzero(runs.budget_R == budget)))
        for budget in np.unique(runs.budget_R)
        if distinct(runs.params_R[runs.budget_R == budget]) >= 3
    ]
    optima = [(c.flops, c.params, c.loss) for c in curves if c.used]
    if len(optima) < 2:
        return Parabolas(method, tuple(curves), None, None, None)
    flops, params, loss = map(np.array, zip(*optima, strict=True))
    a, _ = _line(np.log10(flops), np.log10(params))
    q, m = _line(np.log10(params), loss)
    return Parabolas(method, tuple(curves), a, q, m)


def _all_sizes(runs: Runs, inside: Places) -> Places:
    return inside


def _three_sizes(runs: Runs, inside: Places) -> Places:
    """Return the runs of the smallest size, the largest, and the one nearest to their middle."""
    logs = np.log(runs.params_R[inside])
    between = logs[(logs > logs[0] + SAME) & (logs < logs[-1] - SAME)]
    middle = between[np.abs(between - (logs[0] + logs[-1]) / 2).argmin()]
    chosen = np.array([logs[0], middle, logs[-1]])
    near: Places = inside[(np.abs(logs[:, None] - chosen) <= SAME).any(1)]
    return near


def _curve(flops: float, runs: Runs, inside: Places) -> Curve:
    """Return the parabola through runs in the order of their size."""
    logs, loss = np.log10(runs.params_R[inside]), runs.loss_R[inside]
    centre = logs.mean()
    square, slope, lowest = np.polynomial.polynomial.polyfit(logs - centre, loss, 2)[::-1]
    if square <= _FLAT * loss.max():
        return Curve(flops, len(inside), None, None, "the parabola has no minimum", used=False)
    place = centre - slope / (2 * square)
    used = bool(logs[0] <= place <= logs[-1])
    return Curve(
        flops,
        len(inside),
        params=10.0 ** min(max(float(place), -300.0), 300.0),
        loss=float(lowest - slope**2 / (4 * square)),
        edge=_edge(logs, float(logs[loss.argmin()])) if used else OUTSIDE,
        used=used,
    )


def _edge(logs: Floats, best: float) -> str:
    """Say if the size with the lowest loss is the smallest or the largest."""
    for name, end in (("smallest", logs[0]), ("largest", logs[-1])):
        if abs(best - end) <= SAME:
            return f"the lowest loss is that of the {name} size"
    return ""


def _line(x: Floats, y: Floats) -> tuple[float, float]:
    """Return slope and intercept of the least-squares line."""
    slope = float(((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum())
    return slope, float(y.mean() - slope * x.mean())
