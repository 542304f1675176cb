"""The loss that a design reaches with a budget and a limit of latency.

Runs may have the seconds that their model takes for a decoded token; a smooth function of the size
goes through them. A design at a budget and a limit is at the best of its sizes that are fast
enough, trained for as many tokens as the budget pays for at that size. Only sizes between those of
the runs are considered, so that a design may have none that is fast enough.

Shapes: S resamples and the fit itself in front of them, T limits, G sizes that are searched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aira_dsl.scaling.isoflop.fit import Fit
from aira_dsl.scaling.isoflop.frontier import estimate, flops_per_token, loss_at
from aira_dsl.scaling.isoflop.runs import Runs
from aira_dsl.utils.statistics import Estimate, Floats

_PER_DECADE = 160  # sizes that are searched
_ROUNDING = 1 + 1e-9  # a limit that is the latency of a size admits that size


@dataclass(frozen=True)
class LatencyFrontier:
    """The best size of a design at one budget within each of several limits of latency.

    Attributes:
        design: its name.
        flops: the budget.
        limits_T: most seconds of a decoded token.
        params_ST: best size; row 0 is the fit, the others are resamples. NaN if no size is fast
            enough.
        loss_ST: loss there, in nats; NaN likewise.
    """

    design: str
    flops: float
    limits_T: Floats
    params_ST: Floats
    loss_ST: Floats

    def at(self, place: int) -> tuple[Estimate, Estimate] | None:
        """Return best size and loss within a limit; None if no size is fast enough."""
        if np.isnan(self.loss_ST[0, place]):
            return None
        return estimate(self.params_ST[:, place]), estimate(self.loss_ST[:, place])


def latency_frontier(fit: Fit, flops: float, limits: Sequence[float]) -> LatencyFrontier:
    """Return the best sizes within limits of latency, of a fit and of all of its resamples.

    Args:
        fit: the fit; its runs must have latencies.
        flops: the budget of training.
        limits: most seconds of a decoded token.
    """
    runs, limits_T = fit.runs, np.array(limits, dtype=np.float64)
    sizes_G = _sizes(runs)
    loss_SG = loss_at(fit, sizes_G, flops / flops_per_token(runs, sizes_G))
    seconds_G = latency_of(runs, sizes_G)
    shape = len(loss_SG), len(limits_T)
    params_ST, loss_ST = np.full(shape, np.nan), np.full(shape, np.nan)
    for place, limit in enumerate(limits_T):
        fast_G = seconds_G <= limit * _ROUNDING
        if fast_G.any():
            params_ST[:, place] = sizes_G[fast_G][loss_SG[:, fast_G].argmin(-1)]
            loss_ST[:, place] = loss_SG[:, fast_G].min(-1)
    return LatencyFrontier(runs.design, flops, limits_T, params_ST, loss_ST)


def latency_of(runs: Runs, params: Floats) -> Floats:
    """Return the seconds of a decoded token at sizes of any shape; the runs must have them.

    They are c0 + c1·√N + c2·N with coefficients of at least zero, by least squares of the relative
    deviation: a part that has no size (launches), one that grows with the width (caches, states),
    one that grows with the weights. So they never fall as the size grows, and what scatters in a
    measurement does not decide between two sizes.
    """
    from scipy.optimize import nnls  # not at the top: its import takes long

    assert runs.latency_R is not None
    found, _ = nnls(_powers(runs.params_R) / runs.latency_R[:, None], np.ones(len(runs)))
    seconds: Floats = _powers(params) @ found
    return seconds


def latency_range(fits: Sequence[Fit]) -> tuple[float, float]:
    """Return the least and the largest latency of a size of any design."""
    ends = [
        latency_of(fit.runs, np.array([fit.runs.params_R.min(), fit.runs.params_R.max()]))
        for fit in fits
    ]
    return float(np.min(ends)), float(np.max(ends))


def common_latency(fits: Sequence[Fit], params: Sequence[float]) -> float:
    """Return the geometric mean of the latencies of designs at these sizes."""
    seconds = [
        latency_of(fit.runs, np.array([size])) for fit, size in zip(fits, params, strict=True)
    ]
    return float(np.exp(np.mean(np.log(seconds))))


def _powers(params: Floats) -> Floats:
    powers: Floats = np.stack([np.ones_like(params), np.sqrt(params), params], -1)
    return powers


def _sizes(runs: Runs) -> Floats:
    low, high = runs.params_R.min(), runs.params_R.max()
    count = max(2, round(_PER_DECADE * math.log10(high / low)))
    found: Floats = np.geomspace(low, high, count)
    return found
