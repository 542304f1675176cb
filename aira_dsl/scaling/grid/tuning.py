"""How the learning rate of each design at each size is chosen, and which run is next.

The rule, stated in docs/isoflop.md: at the smallest budget of a size all rates of the grid are
tried with its first seed. While the best is at an end, the next rate in the same ratio is tried,
too, `tuning.extend` times at each end at most. The rate with the lowest validation loss is that of
the model at all budgets. Sizes that only budgets above `tuning.up_to` have take the rate of the
next smaller tuned size of their design.

Everything here is a function of the plan and of the losses so far, so that a grid continues after
any interruption as if there had been none. A run that diverged has an infinite loss.
"""

import math
from collections.abc import Collection, Iterator, Mapping
from typing import NamedTuple

from aira_dsl.scaling.grid.grid import Grid
from aira_dsl.scaling.grid.plan import Plan, PlannedRun, planned, tuning_budgets

Losses = Mapping[str, float]
"""Validation losses of finished runs by their names."""


class Assigned(NamedTuple):
    """A run with its learning rate."""

    run: PlannedRun
    learning_rate: float


def next_run(plan: Plan, losses: Losses, busy: Collection[str]) -> Assigned | None:
    """Return the first run in order that is neither done nor busy and whose rate is known.

    Args:
        plan: the plan.
        losses: of runs that are done.
        busy: names of runs that are in progress or were given up.
    """
    for run in (*added_runs(plan, losses), *plan.runs):
        if run.id in losses or run.id in busy:
            continue
        rate = rate_of(plan, losses, run)
        if rate is not None:
            return Assigned(run, rate)
    return None


def rate_of(plan: Plan, losses: Losses, run: PlannedRun) -> float | None:
    """Return the learning rate of a run; None while it is not tuned."""
    if run.learning_rate is not None:
        return run.learning_rate
    best = best_try(plan, losses, run.design, run.size)
    return None if best is None else best.learning_rate


def added_runs(plan: Plan, losses: Losses) -> list[PlannedRun]:
    """Return the runs with rates beyond those of the grid, as far as the losses ask for them."""
    known = {run.id for run in plan.runs}
    return [
        run
        for design in plan.grid.designs
        for size in tuning_budgets(plan.grid)
        for run in _tries(plan, losses, design, size)
        if run.id not in known
    ]


def best_try(plan: Plan, losses: Losses, design: str, size: int) -> PlannedRun | None:
    """Return the run whose rate a model takes; None while rates are still to be tried.

    If all rates diverge, it is that of the lowest.
    """
    tuned = [each for each in tuning_budgets(plan.grid) if each <= size]
    tries = _tries(plan, losses, design, max(tuned)) if tuned else []
    if not tries or any(run.id not in losses for run in tries):
        return None
    return min(tries, key=lambda run: (losses[run.id], run.learning_rate))


def chosen_runs(plan: Plan, losses: Losses) -> Iterator[PlannedRun]:
    """Yield the finished runs that a fit uses: of those that try rates, the best of each model."""
    rates = plan.grid.learning_rates
    for run in plan.runs:
        found: PlannedRun | None = run
        if len(rates) > 1 and run.learning_rate is not None:
            if run.learning_rate != rates[0]:
                continue  # once for each model
            found = best_try(plan, losses, run.design, run.size)
        if found is not None and found.id in losses:
            yield found


def _tries(plan: Plan, losses: Losses, design: str, size: int) -> list[PlannedRun]:
    """Return the runs that try rates for a model, by rate; more once the best is at an end."""
    grid = plan.grid
    flops = tuning_budgets(grid)[size]
    budget = next(each for each in grid.budgets if each.flops == flops)
    key = design, size, flops, grid.seeds_of(budget)[0]
    rates = list(grid.learning_rates)
    while True:
        tries = [planned(plan, key, rate) for rate in rates]
        if len(rates) == 1 or any(run.id not in losses for run in tries):
            return tries
        best = min(range(len(tries)), key=lambda place: (losses[tries[place].id], place))
        if math.isinf(losses[tries[best].id]) or (rate := _beyond(grid, rates, best)) is None:
            return tries
        rates = sorted([*rates, rate])


def _beyond(grid: Grid, rates: list[float], best: int) -> float | None:
    """Return the rate after an end if the best one is there, unless enough were added."""
    given = grid.learning_rates
    if best == 0 and sum(rate < given[0] for rate in rates) < grid.tuning.extend:
        return _shortened(rates[0] * given[0] / given[1])
    if best == len(rates) - 1 and sum(rate > given[-1] for rate in rates) < grid.tuning.extend:
        return _shortened(rates[-1] * given[-1] / given[-2])
    return None


def _shortened(rate: float) -> float:
    """Return a rate with six digits, as its run's name has it."""
    return float(f"{rate:.6g}")
