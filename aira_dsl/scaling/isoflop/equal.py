"""Two designs compared at equal tokens, FLOPs or latency, and along their frontiers.

Every difference is that of the fitted surfaces, with the 95 % percentile interval of independent
resamples of both. An interval that holds zero means that the runs do not tell the two apart.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Literal

import numpy as np

from aira_dsl.scaling.isoflop.fit import Fit
from aira_dsl.scaling.isoflop.frontier import (
    SLOPES,
    Frontier,
    estimate,
    flops_per_token,
    frontier,
    loss_at,
)
from aira_dsl.scaling.isoflop.latency import latency_frontier
from aira_dsl.utils.statistics import Estimate, Floats

Equal = Literal["tokens", "flops", "best", "latency"]
"""`tokens`: the same parameters and tokens. `flops`: the same parameters and FLOPs. `best`: the
same FLOPs, each at its best size. `latency`: the same FLOPs, each at the best of its sizes that
decode a token within the same time."""


@dataclass(frozen=True, slots=True)
class Comparison:
    """The loss of one design minus that of another.

    Attributes:
        first, second: their names.
        equal: what is equal.
        params: the size; None for `best` and `latency`.
        amount: tokens for `tokens`, else FLOPs.
        value: the difference in nats, with its interval.
        latency: most seconds of a decoded token, for `latency`; else None.
    """

    first: str
    second: str
    equal: Equal
    params: float | None
    amount: float
    value: Estimate
    latency: float | None = None

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out zero."""
        return self.value[1] > 0 or self.value[2] < 0


@dataclass(frozen=True, slots=True)
class SlopeDifference:
    """A slope of the frontier of one design minus that of another.

    Attributes:
        first, second: their names.
        slope: one of `SLOPES`.
        value: the difference, with its interval.
        relative: the slope of the first divided by that of the second, minus 1, with its interval:
            the paper's "faster".
    """

    first: str
    second: str
    slope: str
    value: Estimate
    relative: Estimate

    @property
    def significant(self) -> bool:
        """Whether the interval of the difference leaves out zero."""
        return self.value[1] > 0 or self.value[2] < 0


def compare_at(
    fits: Sequence[Fit],
    *,
    equal: Equal,
    params: float | None = None,
    amount: float,
    latency: float | None = None,
) -> list[Comparison]:
    """Compare every pair of designs at one place; not those that have no size that is fast enough.

    Args:
        fits: the designs.
        equal: what is equal.
        params: the size, for `tokens` and `flops`.
        amount: tokens for `tokens`, else FLOPs.
        latency: most seconds of a decoded token, for `latency`; all runs must have theirs.
    """
    losses = [_loss(fit, equal, params, amount, latency) for fit in fits]
    return [
        Comparison(
            fits[i].runs.design, fits[j].runs.design, equal, params, amount,
            estimate(losses[i] - losses[j]), latency,
        )
        for i, j in combinations(range(len(fits)), 2)
        if not np.isnan(losses[i][0] - losses[j][0])
    ]  # fmt: skip


def slope_differences(frontiers: Sequence[Frontier]) -> list[SlopeDifference]:
    """Compare the slopes of every pair of frontiers."""
    return [
        SlopeDifference(
            one.design,
            two.design,
            name,
            estimate(one.slopes_S[name] - two.slopes_S[name]),
            estimate(_relative(one.slopes_S[name], two.slopes_S[name])),
        )
        for one, two in combinations(frontiers, 2)
        for name in SLOPES
    ]


def _relative(first_S: Floats, second_S: Floats) -> Floats:
    """Return first / second - 1; NaN where the second is zero."""
    known_S = second_S != 0
    return np.where(known_S, first_S / np.where(known_S, second_S, 1.0) - 1, np.nan)


def _loss(
    fit: Fit, equal: Equal, params: float | None, amount: float, latency: float | None
) -> Floats:
    if latency is not None:
        return latency_frontier(fit, amount, [latency]).loss_ST[:, 0]
    if params is None:
        return frontier(fit, [amount]).loss_SC[:, 0]
    if equal == "tokens":
        return loss_at(fit, params, amount)
    price = flops_per_token(fit.runs, np.array([params]))
    return loss_at(fit, params, amount / float(price[0]))
