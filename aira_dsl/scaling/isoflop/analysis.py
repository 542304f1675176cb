"""Everything that `aira-dsl isoflop fit` says of a file: fits, parabolas, differences, warnings."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path

import numpy as np

from aira_dsl.errors import InputError
from aira_dsl.scaling.isoflop.approach2 import Parabolas, parabolas
from aira_dsl.scaling.isoflop.compared import Compared, compare_designs
from aira_dsl.scaling.isoflop.fit import RESAMPLES, Fit, Optimum, fit_runs, quantities
from aira_dsl.scaling.isoflop.frontier import best_sizes
from aira_dsl.scaling.isoflop.objectives import ObjectiveName
from aira_dsl.scaling.isoflop.reader import Reading, read_runs
from aira_dsl.scaling.isoflop.repeats import LackOfFit, lack_of_fit
from aira_dsl.scaling.isoflop.runs import Runs
from aira_dsl.utils.formatting import listed, plural
from aira_dsl.utils.statistics import Estimate

COMPARED = ("a", "alpha", "beta", "gamma")


@dataclass(frozen=True)
class DesignFit:
    """What is known of one design.

    Attributes:
        fit: the surface.
        optima: the best sizes at the budgets.
        parabolas: Approach 2 and the three-point slopes; empty if the runs share no budgets.
        warnings: what limits the fit.
        lack_of_fit: the test of the law by runs that differ in their seed alone; None without.
    """

    fit: Fit
    optima: list[Optimum]
    parabolas: list[Parabolas]
    warnings: list[str]
    lack_of_fit: LackOfFit | None

    @property
    def name(self) -> str:
        """Name of the design."""
        return self.fit.runs.design

    @property
    def rejected(self) -> bool:
        """Whether runs of several seeds show that the law does not describe the design."""
        return self.lack_of_fit is not None and self.lack_of_fit.rejects


@dataclass(frozen=True, slots=True)
class Difference:
    """One quantity of two designs.

    Attributes:
        first, second: names of the designs.
        quantity: one of `COMPARED`.
        value: that of the first minus that of the second, with its interval.
    """

    first: str
    second: str
    quantity: str
    value: Estimate

    @property
    def significant(self) -> bool:
        """Whether the interval leaves out zero."""
        _, low, high = self.value
        return low > 0 or high < 0


@dataclass(frozen=True)
class Analysis:
    """What a file of runs says.

    Attributes:
        reading: the account of the file.
        designs: one for each design.
        differences: of every pair of designs.
        compared: what the designs say together; None with one, or without shared budgets.
    """

    reading: Reading
    designs: list[DesignFit]
    differences: list[Difference]
    compared: Compared | None


def fit_isoflop(
    path: str | Path,
    *,
    where: Sequence[str] = (),
    ignore: Sequence[str] = (),
    budgets: Sequence[float] = (),
    objective: ObjectiveName = "least-squares",
    resamples: int = RESAMPLES,
    reference: str | None = None,
) -> Analysis:
    """Fit every design of a CSV file of training runs, and compare the designs.

    Args:
        path: the file; docs/isoflop.md lists the names of its columns.
        where: conditions that runs must satisfy, such as `dataset=c4`.
        ignore: names of columns that are left out.
        budgets: FLOPs at which the best size is computed; empty for the budgets of the runs.
        objective: `least-squares` on the loss, or `huber` on its logarithm.
        resamples: number of resamples for the intervals, at least 1.
        reference: design that the others are compared with as in the paper; None for the first.

    Raises:
        InputError: E1301 to E1307, for a file that cannot be read, its columns, values or data,
            for runs that do not determine a fit, for conditions, and for the reference.
    """
    reading = read_runs(Path(path), where=where, ignore=ignore)
    base = _reference(reading, reference)
    designs = [_design(runs, objective, resamples, budgets) for runs in reading.designs]
    fits = [each.fit for each in designs]
    return Analysis(
        reading,
        designs,
        [difference(one, two, name) for one, two in combinations(fits, 2) for name in COMPARED],
        compare_designs(fits, base),
    )


def _reference(reading: Reading, name: str | None) -> str:
    names = [runs.design for runs in reading.designs]
    if name is not None and name not in names:
        raise InputError(
            "E1307", f"there are no runs of {name!r}", help=f"designs: {listed(names)}"
        )
    return name or names[0]


def difference(first: Fit, second: Fit, quantity: str) -> Difference:
    """Return the difference of a quantity between two designs, resampled independently."""
    value = first.estimates[quantity][0] - second.estimates[quantity][0]
    resampled_S = quantities(first.resampled_SP)[quantity]
    resampled_S = resampled_S - quantities(second.resampled_SP)[quantity]
    low, high = np.percentile(resampled_S, (2.5, 97.5))
    names = first.runs.design, second.runs.design
    return Difference(*names, quantity, (value, float(low), float(high)))


def _design(
    runs: Runs, objective: ObjectiveName, resamples: int, budgets: Sequence[float]
) -> DesignFit:
    fit = fit_runs(runs, objective=objective, resamples=resamples)
    both = (parabolas(runs, "approach2"), parabolas(runs, "three_point"))
    found = [each for each in both if each is not None]
    misfit = lack_of_fit(fit)
    return DesignFit(
        fit=fit,
        optima=best_sizes(fit, budgets or _budgets(runs)),
        parabolas=found,
        warnings=[
            *fit.limits,
            *_law_warning(misfit),
            *_flops_warning(runs),
            *_curve_warnings(found),
        ],
        lack_of_fit=misfit,
    )


def _budgets(runs: Runs) -> list[float]:
    """Return the budgets of the runs; without, the powers of ten between them and the largest."""
    if runs.budget_R is not None:
        return [float(budget) for budget in np.unique(runs.budget_R)]
    largest = float(runs.flops_R.max())
    powers = range(math.ceil(math.log10(runs.flops_R.min())), math.ceil(math.log10(largest)))
    return [*(10.0**power for power in powers), largest]


def _law_warning(found: LackOfFit | None) -> list[str]:
    if found is None or not found.rejects:
        return []
    factor, (between, within) = math.sqrt(found.ratio), found.freedom
    return [
        f"runs deviate from the law {factor:.1f} times as much as runs of other seeds from each "
        f"other (F({between}, {within}) = {found.ratio:.1f}, p = {found.p:.1g}): the law does not "
        "describe them, and intervals do not contain that error"
    ]


def _flops_warning(runs: Runs) -> list[str]:
    if runs.has_one_factor:
        return []
    return [
        f"FLOPs/(N·D) of the runs differ by a factor of {runs.flops_spread:.2f}; optima are "
        "searched with the FLOPs of each size, and a, b and gamma are those of one factor"
    ]


def _curve_warnings(found: Sequence[Parabolas]) -> list[str]:
    if not found:
        return ["the runs share no budgets: no parabolas; give a column `budget`"]
    said = []
    curves = found[0].curves
    for reason in dict.fromkeys(curve.edge for curve in curves if curve.edge):
        at = [f"{curve.flops:.3g}" for curve in curves if curve.edge == reason]
        said.append(f"{reason} at {plural(len(at), 'budget')} ({', '.join(at)} FLOPs)")
    return said
