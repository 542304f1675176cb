"""The frontier of a fit under the real FLOPs of a design, and its slopes.

The closed form of `fit` holds where FLOPs = k·N·D with one k. Attention over the context makes k
larger for narrow models: for alternating attention and MLP at a context of 256 it is 14 at 0.1M
parameters and 7 at 10M.
Here FLOPs of a token are a function of N, interpolated between the sizes of the runs in logarithms,
and the best size is searched for.

Shapes: S resamples and the fit itself in front of them, C budgets, G sizes that are searched.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from aira_dsl.scaling.isoflop.fit import Fit, Optimum, surface_loss
from aira_dsl.scaling.isoflop.runs import Runs
from aira_dsl.utils.statistics import Estimate, Floats

SLOPES = ("a", "per_decade", "q")
_PER_DECADE = 160  # sizes that are searched
_BEYOND = 2.0  # they are searched this far beyond those of the runs,
_AROUND = 10.0  # and this far around the closed form


@dataclass(frozen=True)
class Frontier:
    """The best size of a design at each of several budgets.

    Attributes:
        design: its name.
        budgets_C: FLOPs.
        params_SC: best size; row 0 is the fit, the others are resamples.
        tokens_SC: tokens that the budget pays for there.
        loss_SC: loss there, in nats.
        inside_C: whether the best size lies within the sizes of the runs.
    """

    design: str
    budgets_C: Floats
    params_SC: Floats
    tokens_SC: Floats
    loss_SC: Floats
    inside_C: NDArray[np.bool_]

    @cached_property
    def slopes_S(self) -> dict[str, Floats]:
        """Slopes of least-squares lines through the budgets, by name.

        `a`: log10 of the best size against log10 FLOPs. `per_decade`: loss against log10 FLOPs.
        `q`: loss against log10 of the best size, as the paper compares designs (§4.4).
        """
        flops_SC = np.broadcast_to(np.log10(self.budgets_C), self.loss_SC.shape)
        size_SC = np.log10(self.params_SC)
        return {
            "a": slope(flops_SC, size_SC),
            "per_decade": slope(flops_SC, self.loss_SC),
            "q": slope(size_SC, self.loss_SC),
        }


def frontier(fit: Fit, budgets: Sequence[float]) -> Frontier:
    """Return the best sizes of a fit and of all of its resamples at these budgets."""
    runs, budgets_C = fit.runs, np.array(budgets, dtype=np.float64)
    sizes_G = _searched(fit, budgets)
    price_G = flops_per_token(runs, sizes_G)
    intercept_S1, first_S1, second_S1, alpha_S1, beta_S1 = _all_parameters(fit).T[..., None]
    of_size_SG = intercept_S1 + first_S1 * sizes_G**-alpha_S1
    of_token_SG = second_S1 * price_G**beta_S1  # times C^-beta: the term of D = C/price tokens
    shape = len(of_size_SG), len(budgets_C)
    params_SC, loss_SC = np.empty(shape), np.empty(shape)
    for place, budget in enumerate(budgets_C):
        loss_SG = of_size_SG + of_token_SG * budget**-beta_S1
        params_SC[:, place], loss_SC[:, place] = _lowest(np.log(sizes_G), loss_SG)
    tokens_SC = budgets_C / flops_per_token(runs, params_SC)
    best_C = params_SC[0]
    inside_C = (runs.params_R.min() <= best_C) & (best_C <= runs.params_R.max())
    return Frontier(runs.design, budgets_C, params_SC, tokens_SC, loss_SC, inside_C)


def best_sizes(fit: Fit, budgets: Sequence[float]) -> list[Optimum]:
    """Return the best size at each of these budgets; none if a term of the fit is absent.

    By the closed form if FLOPs are k·N·D with one k, else by search.
    """
    closed = fit.optima(budgets)
    if fit.runs.has_one_factor or not closed:
        return closed
    found = frontier(fit, budgets)
    return [
        Optimum(
            each.flops,
            estimate(found.params_SC[:, place]),
            estimate(found.tokens_SC[:, place]),
            estimate(found.loss_SC[:, place]),
            each.extrapolation,
        )
        for place, each in enumerate(closed)
    ]


def isoflop_loss(fit: Fit, flops: float, sizes_G: Floats) -> Floats:
    """Return the loss (G) of sizes that are trained for a budget; lowest at its best size."""
    runs = fit.runs
    one_factor_G = runs.flops_per_token_parameter * sizes_G
    price_G = one_factor_G if runs.has_one_factor else flops_per_token(runs, sizes_G)
    return surface_loss(fit.parameters_P, sizes_G, flops / price_G)


def flops_per_token(runs: Runs, params: Floats) -> Floats:
    """Return the training FLOPs of a token at sizes of any shape.

    Its ratio to N is interpolated in logarithms between the sizes of the runs, by monotone cubics
    (PCHIP); outside of them it is that of the nearest size.
    """
    from scipy.interpolate import PchipInterpolator  # not at the top: its import takes long

    known, place = np.unique(runs.params_R, return_inverse=True)
    ratio_R = np.log(runs.flops_R / runs.tokens_R / runs.params_R)
    ratio = np.array([ratio_R[place == each].mean() for each in range(len(known))])
    within = np.log(np.clip(params, known[0], known[-1]))
    found: Floats = params * np.exp(PchipInterpolator(np.log(known), ratio)(within))
    return found


def loss_at(fit: Fit, params: float | Floats, tokens: float | Floats) -> Floats:
    """Return the loss of a size after tokens: of the fit, then of each resample.

    The shape is (S,) for one size, (S, G) for G sizes.
    """
    columns = _all_parameters(fit).T
    columns = columns if np.ndim(params) == 0 else columns[..., None]
    intercept_S, first_S, second_S, alpha_S, beta_S = columns
    loss_S: Floats = intercept_S + first_S * params**-alpha_S + second_S * tokens**-beta_S
    return loss_S


def slope(x_SC: Floats, y_SC: Floats) -> Floats:
    """Return the slopes (S) of least-squares lines along the last axis; NaN if x is constant."""
    x_SC = x_SC - x_SC.mean(-1, keepdims=True)
    y_SC = y_SC - y_SC.mean(-1, keepdims=True)
    with np.errstate(invalid="ignore", divide="ignore"):
        found: Floats = (x_SC * y_SC).sum(-1) / (x_SC * x_SC).sum(-1)
    return found


def estimate(values_S: Floats) -> Estimate:
    """Return the value of the fit with the 95 % percentile interval of its resamples."""
    low, high = np.nanpercentile(values_S[1:], (2.5, 97.5))
    return float(values_S[0]), float(low), float(high)


def _all_parameters(fit: Fit) -> Floats:
    """Return the parameters of the fit, then those of each resample (S, P)."""
    return np.concatenate([fit.parameters_P[None], fit.resampled_SP])


def _searched(fit: Fit, budgets: Sequence[float]) -> Floats:
    """Return sizes that hold the best ones: the runs', and those of the closed form."""
    near = np.array([optimum.params[0] for optimum in fit.optima(budgets)])
    params_R = fit.runs.params_R
    low = min(params_R.min() / _BEYOND, near.min(initial=np.inf) / _AROUND)
    high = max(params_R.max() * _BEYOND, near.max(initial=0.0) * _AROUND)
    low, high = max(low, params_R.min() * 1e-12), min(high, params_R.max() * 1e12)
    found: Floats = np.geomspace(low, high, round(_PER_DECADE * math.log10(high / low)))
    return found


def _lowest(log_sizes_G: Floats, loss_SG: Floats) -> tuple[Floats, Floats]:
    """Return where each row is lowest, and how low, by a parabola through three points."""
    place_S = np.clip(loss_SG.argmin(-1), 1, loss_SG.shape[1] - 2)
    rows_S = np.arange(len(loss_SG))
    before_S, here_S, after_S = (loss_SG[rows_S, place_S + step] for step in (-1, 0, 1))
    curve_S = before_S - 2 * here_S + after_S
    with np.errstate(invalid="ignore", divide="ignore"):
        shift_S = (before_S - after_S) / (2 * curve_S)
    shift_S = np.clip(np.nan_to_num(shift_S), -1, 1)
    gain_S = shift_S * (after_S - before_S) / 2 + shift_S**2 * curve_S / 2
    step = log_sizes_G[1] - log_sizes_G[0]
    return np.exp(log_sizes_G[place_S] + shift_S * step), here_S + gain_S
