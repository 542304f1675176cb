"""The training runs of one design, and whether they determine a fit.

Shapes: R runs.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from aira_dsl.errors import InputError
from aira_dsl.utils.formatting import plural
from aira_dsl.utils.statistics import Floats

MIN_RUNS = 6
MIN_VALUES = 3
_SAME = 1.01  # two sizes within one per cent are one
_BUDGET_GAP, _BUDGET_SPAN = 1.05, 1.10
_ONE_FACTOR = 1.05
_COLLINEAR = 0.9999
_LEAST_CURVE = 3  # sizes of a parabola


@dataclass(frozen=True)
class Runs:
    """Runs of one design.

    Attributes:
        design: name of the design.
        params_R: number of parameters.
        tokens_R: training tokens.
        flops_R: training FLOPs.
        budget_R: nominal budget in FLOPs of each run, the one that it shares with others; None if
            the runs share none.
        loss_R: final loss in nats.
        latency_R: seconds of a decoded token; None if unknown.
    """

    design: str
    params_R: Floats
    tokens_R: Floats
    flops_R: Floats
    budget_R: Floats | None
    loss_R: Floats
    latency_R: Floats | None = None

    def __len__(self) -> int:
        return len(self.loss_R)

    @property
    def flops_per_token_parameter(self) -> float:
        """Geometric mean of FLOPs/(N·D): 6 in the common approximation."""
        return float(np.exp(np.log(self._flops_ratio_R).mean()))

    @property
    def flops_spread(self) -> float:
        """Largest FLOPs/(N·D) of a run divided by the smallest."""
        return float(self._flops_ratio_R.max() / self._flops_ratio_R.min())

    @property
    def has_one_factor(self) -> bool:
        """Whether FLOPs are k·N·D with one k, up to 5 %."""
        return self.flops_spread <= _ONE_FACTOR

    @property
    def _flops_ratio_R(self) -> Floats:
        ratio_R: Floats = self.flops_R / (self.params_R * self.tokens_R)
        return ratio_R


def ordered(runs: Runs) -> Runs:
    """Return runs by size, tokens and loss, so that the order of a file has no effect.

    If they have no budgets, those that they share are found in their FLOPs.
    """
    budget_R = runs.budget_R
    if budget_R is None:
        budget_R = shared_budgets(runs.flops_R, runs.params_R)
    order_R = np.lexsort((runs.loss_R, runs.tokens_R, runs.params_R))
    return Runs(
        runs.design,
        runs.params_R[order_R],
        runs.tokens_R[order_R],
        runs.flops_R[order_R],
        None if budget_R is None else budget_R[order_R],
        runs.loss_R[order_R],
        None if runs.latency_R is None else runs.latency_R[order_R],
    )


def shared_budgets(flops_R: Floats, params_R: Floats) -> Floats | None:
    """Return the budget of each run if most runs share theirs with two other sizes, else None.

    Budgets are groups of FLOPs that differ by less than 10 % and are at least 5 % from the next
    group; a budget is the geometric mean of its group. Runs whose group is wider, such as those of
    a figure without isoFLOP curves, have no budget.
    """
    labels_R = _groups(flops_R, _BUDGET_GAP)
    budget_R = np.empty_like(flops_R)
    sharing = 0
    for label in range(labels_R.max() + 1):
        inside_R = labels_R == label
        group = flops_R[inside_R]
        if group.max() / group.min() > _BUDGET_SPAN:
            return None
        budget_R[inside_R] = np.exp(np.log(group).mean())
        if distinct(params_R[inside_R]) >= _LEAST_CURVE:
            sharing += len(group)
    return budget_R if 2 * sharing >= len(flops_R) else None


def distinct(values_R: Floats) -> int:
    """Return how many values there are, those within one per cent of a smaller one counted once.

    The smaller one is the least of its group, so that a dense row of values is not a single one.
    """
    found, least = 0, -np.inf
    for value in np.sort(values_R):
        if value > least * _SAME:
            found, least = found + 1, value
    return found


def require_identifiable(runs: Runs) -> None:
    """Raise InputError E1305 if the runs cannot determine E, A, B, alpha and beta."""
    sizes, tokens = distinct(runs.params_R), distinct(runs.tokens_R)
    reason = ""
    if len(runs) < MIN_RUNS:
        reason = f"{plural(len(runs), 'run')}; five parameters need at least {MIN_RUNS}"
    elif sizes < MIN_VALUES:
        reason = f"{plural(sizes, 'size')}; E, A and alpha need at least {MIN_VALUES}"
    elif runs.flops_R.max() / runs.flops_R.min() < _BUDGET_SPAN:
        reason = "one budget; exponents need at least 2"
    elif tokens < MIN_VALUES:
        reason = f"{plural(tokens, 'number')} of tokens; E, B and beta need at least {MIN_VALUES}"
    elif abs(_correlation(runs)) > _COLLINEAR:
        reason = (
            "tokens that are one function of the size in all runs; A/N^alpha and B/D^beta "
            "cannot be separated"
        )
    if reason:
        raise InputError(
            "E1305",
            f"the fit of {runs.design} is not determined: its runs have {reason}",
            help="train several sizes at several budgets, or leave the design out with --where",
        )


def _correlation(runs: Runs) -> float:
    return float(np.corrcoef(np.log(runs.params_R), np.log(runs.tokens_R))[0, 1])


def _groups(values_R: Floats, gap: float) -> NDArray[np.int64]:
    """Number groups of values; neighbours in one group differ by at most the factor `gap`."""
    order = np.argsort(values_R, kind="stable")
    ranked_R = values_R[order]
    starts_R = np.concatenate([[0], ranked_R[1:] > ranked_R[:-1] * gap]).astype(np.int64)
    labels_R = np.empty(len(values_R), np.int64)
    labels_R[order] = np.cumsum(starts_R)
    return labels_R
