"""The fit of L(N, D) to the runs of one design, with bootstrap intervals.

Under C = kND the loss is least, for given C (Hoffmann et al. 2022, equation 4), at

    N* = G · (C/k)^a,   D* = (C/k)^b / G,   a = β/(α+β),   b = α/(α+β),   G = (αA/(βB))^(1/(α+β)),

and there L* - E falls as C^-γ with γ = αβ/(α+β).

Intervals are 95 % percentile intervals over resamples of the runs (drawn with replacement; each is
fitted from the start). A design's resamples depend on its name and runs only.

Shapes: S resamples, R runs, P = 5 parameters (E, A, B, α, β), C budgets.
"""

import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from aira_dsl.scaling.isoflop.objectives import OBJECTIVES, ObjectiveName
from aira_dsl.scaling.isoflop.projection import HIGHEST, LOWEST, fit_surfaces
from aira_dsl.scaling.isoflop.runs import Runs, require_identifiable
from aira_dsl.utils.statistics import Estimate, Floats

RESAMPLES = 1_000
QUANTITIES = ("E", "A", "B", "alpha", "beta", "a", "b", "gamma")
_ENDS = (2.5, 97.5)
_ABSENT = 1e-6  # nats


@dataclass(frozen=True, slots=True)
class Optimum:
    """The best size at a budget.

    Attributes:
        flops: the budget.
        params: N*, with its interval.
        tokens: D*, with its interval.
        loss: loss there, with its interval.
        extrapolation: the budget divided by the largest of the runs; above 1 outside of them.
    """

    flops: float
    params: Estimate
    tokens: Estimate
    loss: Estimate
    extrapolation: float


@dataclass(frozen=True)
class Fit:
    """A fitted design.

    Attributes:
        runs: the runs.
        objective: the cost of residuals that was minimised.
        parameters_P: E, A, B, alpha, beta.
        resampled_SP: the same of each resample.
    """

    runs: Runs
    objective: ObjectiveName
    parameters_P: Floats
    resampled_SP: Floats

    @cached_property
    def estimates(self) -> dict[str, Estimate]:
        """Every quantity of `QUANTITIES` with its interval."""
        values = quantities(self.parameters_P[None])
        return {
            name: _estimate(values[name], resampled_S)
            for name, resampled_S in quantities(self.resampled_SP).items()
        }

    @property
    def deviation(self) -> float:
        """Root of the mean squared residual of the loss, in nats."""
        fitted_R = surface_loss(self.parameters_P, self.runs.params_R, self.runs.tokens_R)
        return float(np.sqrt(((self.runs.loss_R - fitted_R) ** 2).mean()))

    def optima(self, budgets: Sequence[float]) -> list[Optimum]:
        """Return the best size at each of these budgets in FLOPs; none if a term is absent."""
        if set(self.absent) - {"E"}:
            return []
        budgets_C = np.array(budgets, dtype=np.float64)
        ratio = self.runs.flops_per_token_parameter
        of_fit = _optima(self.parameters_P[None], budgets_C / ratio)
        of_resamples = _optima(self.resampled_SP, budgets_C / ratio)
        estimates_C = [
            [
                _estimate(fit_SC[:, place], all_SC[:, place])
                for fit_SC, all_SC in zip(of_fit, of_resamples, strict=True)
            ]
            for place in range(len(budgets))
        ]
        largest = float(self.runs.flops_R.max())
        return [
            Optimum(budget, params, tokens, loss, budget / largest)
            for budget, (params, tokens, loss) in zip(budgets, estimates_C, strict=True)
        ]

    @property
    def absent(self) -> list[str]:
        """The terms that are zero at every run."""
        intercept, first, second, alpha, beta = self.parameters_P
        largest = {
            "E": intercept,
            "A/N^alpha": first / self.runs.params_R.min() ** alpha,
            "B/D^beta": second / self.runs.tokens_R.min() ** beta,
        }
        return [name for name, value in largest.items() if value < _ABSENT]

    @property
    def freedom(self) -> int:
        """Number of parameters that the runs determine; an absent term has none."""
        return 5 - sum(1 if name == "E" else 2 for name in self.absent)

    @property
    def limits(self) -> list[str]:
        """What the runs do not determine: absent terms, exponents at the end of their range."""
        found = [f"{name} is zero: the runs do not show this term" for name in self.absent]
        return found + [
            f"{name} is at the end of the searched range, {LOWEST:g} to {HIGHEST:g}: "
            "the runs do not determine it"
            for name, value in zip(("alpha", "beta"), self.parameters_P[3:], strict=True)
            if not LOWEST < value < HIGHEST
        ]


def fit_runs(
    runs: Runs, *, objective: ObjectiveName = "least-squares", resamples: int = RESAMPLES
) -> Fit:
    """Fit the surface to runs and to resamples of them.

    Args:
        runs: runs of one design.
        objective: `least-squares` on the loss, or `huber` on its logarithm.
        resamples: number of resamples for the intervals, at least 1.

    Raises:
        InputError: E1305, if the runs do not determine the parameters.
    """
    require_identifiable(runs)
    count = len(runs)
    draw = np.random.default_rng(zlib.crc32(runs.design.encode()))
    counts_SR = draw.multinomial(count, [1 / count] * count, size=resamples)
    weights_SR = np.concatenate([np.ones((1, count)), counts_SR])
    found = fit_surfaces(
        runs.params_R, runs.tokens_R, runs.loss_R, weights_SR, OBJECTIVES[objective]
    )
    return Fit(runs, objective, found.parameters_SP[0], found.parameters_SP[1:])


def quantities(parameters_SP: Floats) -> dict[str, Floats]:
    """Return the values (S) of each of `QUANTITIES`."""
    intercept_S, first_S, second_S, alpha_S, beta_S = parameters_SP.T
    total_S = alpha_S + beta_S
    values = (
        intercept_S, first_S, second_S, alpha_S, beta_S,
        beta_S / total_S, alpha_S / total_S, alpha_S * beta_S / total_S,
    )  # fmt: skip
    return dict(zip(QUANTITIES, values, strict=True))


def surface_loss(parameters_P: Floats, params_R: Floats, tokens_R: Floats) -> Floats:
    """Return E + A/N^alpha + B/D^beta for sizes and tokens of any equal shape."""
    intercept, first, second, alpha, beta = parameters_P
    loss_R: Floats = intercept + first / params_R**alpha + second / tokens_R**beta
    return loss_R


def _optima(parameters_SP: Floats, products_C: Floats) -> tuple[Floats, Floats, Floats]:
    """Return N*, D* and the loss there (S, C) for products N·D."""
    intercept_S1, first_S1, second_S1, alpha_S1, beta_S1 = parameters_SP.T[..., None]
    total_S1 = alpha_S1 + beta_S1
    with np.errstate(divide="ignore", invalid="ignore"):  # a zero term: the optimum is at an end
        balance_S1 = np.log(alpha_S1 * first_S1) - np.log(beta_S1 * second_S1)
    log_params_SC = (balance_S1 + beta_S1 * np.log(products_C)) / total_S1
    log_params_SC = np.clip(np.nan_to_num(log_params_SC), -300, 300)
    params_SC, tokens_SC = np.exp(log_params_SC), np.exp(np.log(products_C) - log_params_SC)
    loss_SC = intercept_S1 + first_S1 / params_SC**alpha_S1 + second_S1 / tokens_SC**beta_S1
    return params_SC, tokens_SC, loss_SC


def _estimate(value_1: Floats, resampled_S: Floats) -> Estimate:
    low, high = np.percentile(resampled_S, _ENDS)
    return float(value_1[0]), float(low), float(high)
