"""Everything that is said about two or more fitted designs together."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aira_dsl.scaling.isoflop.claims import Chance, Claims, chance, claims
from aira_dsl.scaling.isoflop.equal import (
    Comparison,
    SlopeDifference,
    compare_at,
    slope_differences,
)
from aira_dsl.scaling.isoflop.fit import Fit
from aira_dsl.scaling.isoflop.frontier import Frontier, frontier
from aira_dsl.scaling.isoflop.latency import (
    LatencyFrontier,
    common_latency,
    latency_frontier,
    latency_range,
)
from aira_dsl.scaling.isoflop.repeats import seed_noise

_NEAR = 1.1
_LIMITS = 60  # limits of latency along a frontier


@dataclass(frozen=True)
class Compared:
    """What the fits of several designs say together.

    Attributes:
        reference: name of the design that the paper's claims are made against.
        frontiers: the best size of each design at the shared budgets.
        slopes: differences of the slopes of frontiers.
        losses_C: for each budget the differences of losses at equal tokens, at equal FLOPs, of
            the best sizes, and at equal latency if all runs have theirs.
        latencies: the best size of each design within limits of latency, at the largest budget;
            empty without latencies.
        limits: the latency that is equal at each budget; empty likewise.
        too_slow: designs without a size within the last of these limits.
        claims: what three sizes would have claimed of each other design.
        chances: how often chance claims as much, with three sizes and with all.
        noise: standard deviation of a loss that the chances assume, in nats.
        noise_of_seeds: whether it is that of runs that differ in their seed; else it is that of the
            residuals of the fits.
    """

    reference: str
    frontiers: list[Frontier]
    slopes: list[SlopeDifference]
    losses_C: list[list[Comparison]]
    latencies: list[LatencyFrontier]
    limits: list[float]
    too_slow: list[str]
    claims: list[Claims]
    chances: list[Chance]
    noise: float
    noise_of_seeds: bool

    @property
    def losses(self) -> list[Comparison]:
        """Those of all budgets."""
        return [each for losses in self.losses_C for each in losses]


def compare_designs(fits: Sequence[Fit], reference: str) -> Compared | None:
    """Compare fitted designs; None for fewer than two, or without budgets that all have.

    Args:
        fits: the designs.
        reference: name of one of them.
    """
    budgets = shared_budgets_of(fits)
    if len(fits) < 2 or len(budgets) < 2:
        return None
    frontiers = [frontier(fit, budgets) for fit in fits]
    limits = _limits(fits, frontiers)
    base = next(fit for fit in fits if fit.runs.design == reference)
    of_seeds = seed_noise([fit.runs for fit in fits])
    noise = of_seeds or float(np.sqrt(np.mean([fit.deviation**2 for fit in fits])))
    others = [fit for fit in fits if fit is not base]
    found = [claims(fit.runs, base.runs) for fit in others]
    chances = [chance(base, designs=len(others), noise=noise, sizes=sizes) for sizes in (3, None)]
    return Compared(
        reference=reference,
        frontiers=frontiers,
        slopes=slope_differences(frontiers),
        losses_C=_losses(fits, frontiers, limits),
        latencies=_latencies(fits, budgets[-1]),
        limits=limits,
        too_slow=[
            fit.runs.design for fit in fits if limits and latency_range([fit])[0] > limits[-1]
        ],
        claims=[each for each in found if each is not None],
        chances=[each for each in chances if each is not None],
        noise=noise,
        noise_of_seeds=of_seeds is not None,
    )


def shared_budgets_of(fits: Sequence[Fit]) -> list[float]:
    """Return the budgets of the first design that lie within the FLOPs of the runs of all."""
    if not fits or fits[0].runs.budget_R is None:
        return []
    low = max(float(fit.runs.flops_R.min()) for fit in fits) / _NEAR
    high = min(float(fit.runs.flops_R.max()) for fit in fits) * _NEAR
    return [float(each) for each in np.unique(fits[0].runs.budget_R) if low <= each <= high]


def _losses(
    fits: Sequence[Fit], frontiers: Sequence[Frontier], limits: Sequence[float]
) -> list[list[Comparison]]:
    """Compare at every budget, at the geometric mean of the designs' best sizes and tokens."""
    every = []
    for place, budget in enumerate(frontiers[0].budgets_C):
        params, tokens = (
            float(np.exp(np.mean([np.log(values[0, place]) for values in each])))
            for each in (
                [one.params_SC for one in frontiers],
                [one.tokens_SC for one in frontiers],
            )
        )
        found = compare_at(fits, equal="tokens", params=params, amount=tokens)
        found += compare_at(fits, equal="flops", params=params, amount=float(budget))
        found += compare_at(fits, equal="best", amount=float(budget))
        if limits:
            found += compare_at(fits, equal="latency", amount=float(budget), latency=limits[place])
        every.append(found)
    return every


def _limits(fits: Sequence[Fit], frontiers: Sequence[Frontier]) -> list[float]:
    """Return the geometric mean of the latencies of the designs' best sizes, at every budget."""
    if not _have_latencies(fits):
        return []
    return [
        common_latency(fits, [float(one.params_SC[0, place]) for one in frontiers])
        for place in range(len(frontiers[0].budgets_C))
    ]


def _latencies(fits: Sequence[Fit], budget: float) -> list[LatencyFrontier]:
    """Return the losses within limits from the least to the largest latency of any design."""
    if not _have_latencies(fits):
        return []
    low, high = latency_range(fits)
    limits = np.unique(np.geomspace(low, high, _LIMITS)).tolist()
    return [latency_frontier(fit, budget, limits) for fit in fits]


def _have_latencies(fits: Sequence[Fit]) -> bool:
    return all(fit.runs.latency_R is not None for fit in fits)
