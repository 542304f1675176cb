"""The slope q of the paper (§4.4) for many draws of losses at once.

A parabola of loss against log10 N through the chosen sizes of each budget, then a line through the
lowest points, loss against log10 N*. Lowest points outside of the sizes are not used; fewer than
two give no slope. `approach2` does the same for one set of runs, with an account of each curve.

Shapes: S draws, K sizes of a budget.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from aira_dsl.scaling.isoflop.approach2 import SAME
from aira_dsl.scaling.isoflop.runs import Runs
from aira_dsl.utils.statistics import Floats


@dataclass(frozen=True)
class Curve:
    """The runs of one budget.

    Attributes:
        ranks: places of its sizes among all sizes of the design, the smallest is 0.
        params_K: the sizes.
        tokens_K: tokens of the runs.
        loss_K: mean loss over seeds.
    """

    ranks: tuple[int, ...]
    params_K: Floats
    tokens_K: Floats
    loss_K: Floats

    def only(self, ranks: Sequence[int]) -> "Curve":
        """Return the curve with some of its sizes."""
        kept = [place for place, rank in enumerate(self.ranks) if rank in ranks]
        return Curve(
            tuple(self.ranks[place] for place in kept),
            self.params_K[kept],
            self.tokens_K[kept],
            self.loss_K[kept],
        )

    @property
    def outer(self) -> "Curve":
        """The curve with its smallest and largest size and the one nearest to their middle."""
        logs = np.log(self.params_K)
        middle = 1 + int(np.abs(logs[1:-1] - (logs[0] + logs[-1]) / 2).argmin())
        return self.only([self.ranks[place] for place in (0, middle, len(self.ranks) - 1)])


def curves_of(runs: Runs) -> list[Curve]:
    """Return the budgets with at least three sizes; none if the runs share no budgets."""
    if runs.budget_R is None:
        return []
    rank_R = _ranks(runs.params_R)
    found = []
    for budget in np.unique(runs.budget_R):
        inside_R = runs.budget_R == budget
        ranks = [int(rank) for rank in np.unique(rank_R[inside_R])]
        if len(ranks) >= 3:
            at = [inside_R & (rank_R == rank) for rank in ranks]
            means = [
                np.array([values_R[each].mean() for each in at])
                for values_R in (runs.params_R, runs.tokens_R, runs.loss_R)
            ]
            found.append(Curve(tuple(ranks), *means))
    return found


def sizes_of(runs: Runs) -> int:
    """Return the number of different sizes."""
    return int(_ranks(runs.params_R).max()) + 1


def paper_slope(curves: Sequence[Curve], losses: Sequence[Floats]) -> Floats:
    """Return q of each draw, in nats a decade of size; NaN where there is none.

    Args:
        curves: the budgets.
        losses: draws of the losses of each budget (S, K).
    """
    optima = [_lowest(np.log10(c.params_K), each) for c, each in zip(curves, losses, strict=True)]
    size_SC, loss_SC = (np.stack(part, -1) for part in zip(*optima, strict=True))
    used_SC = np.isfinite(size_SC)
    count_S1 = used_SC.sum(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        x_SC = np.where(used_SC, size_SC - np.nansum(size_SC, -1, keepdims=True) / count_S1, 0.0)
        y_SC = np.where(used_SC, loss_SC - np.nansum(loss_SC, -1, keepdims=True) / count_S1, 0.0)
        found: Floats = (x_SC * y_SC).sum(-1) / (x_SC * x_SC).sum(-1)
    return np.where(count_S1[:, 0] >= 2, found, np.nan)


def _lowest(logs_K: Floats, loss_SK: Floats) -> tuple[Floats, Floats]:
    """Return log10 N* and the loss there (S); NaN without a lowest point inside of the sizes."""
    centred_K = logs_K - logs_K.mean()
    solve_3K = np.linalg.pinv(np.stack([np.ones_like(centred_K), centred_K, centred_K**2], -1))
    level_S, slope_S, square_S = solve_3K @ loss_SK.T
    with np.errstate(invalid="ignore", divide="ignore"):
        place_S = -slope_S / (2 * square_S)
        low_S = level_S - slope_S**2 / (4 * square_S)
    inside_S = (square_S > 0) & (centred_K[0] <= place_S) & (place_S <= centred_K[-1])
    return (
        np.where(inside_S, place_S + logs_K.mean(), np.nan),
        np.where(inside_S, low_S, np.nan),
    )


def _ranks(params_R: Floats) -> Floats:
    """Return the place of each size among the different ones; sizes within 1 % are one."""
    order_R = np.argsort(params_R, kind="stable")
    logs_R = np.log(params_R[order_R])
    ranks_R = np.empty(len(params_R))
    ranks_R[order_R] = np.concatenate([[0], np.cumsum(np.diff(logs_R) > SAME)])
    return ranks_R
