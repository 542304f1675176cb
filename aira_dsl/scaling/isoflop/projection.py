"""Fits L(N, D) = E + A/N^α + B/D^β by variable projection, for many weightings at once.

For given exponents (α, β) the loss is linear in E, A and B, so these three follow from linear least
squares with E, A, B >= 0, and only the exponents are searched (Golub and Pereyra 1973; Open-Athena,
scaling-law-analysis, 2026, calls it VPNLS):

1. The logarithms of N and D are centred. This changes the units of A and B, and the three features
   1, N^-α, D^-β are then of the same size.
2. The best of a grid of exponents is found for every weighting. All sums are matrix products.
3. From there Levenberg-Marquardt steps in all five parameters; of a step only the exponents are
   taken, E, A and B are solved for again.

A coefficient at zero stays out of the step. Weightings are resamples: how often a run was drawn.

Shapes: S weightings, R runs, G exponents of the grid, F = 3 features (1, N^-α, D^-β), P = 5
parameters (E, A, B, α, β), X any systems of equations, Y some of them.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import product

import numpy as np
from numpy.typing import NDArray

from aira_dsl.scaling.isoflop.objectives import Objective
from aira_dsl.utils.statistics import Floats

Places = NDArray[np.intp]
"""Row numbers of weightings."""

LOWEST, HIGHEST = 0.02, 2.0
"""The range of the exponents that is searched."""

_GRID = 12
_STEPS = 300
_TOLERANCE = 1e-7
_RIDGE = 1e-13  # of the diagonal, so that no resample is exactly singular
_DAMPING, _MAX_DAMPING = 1e-3, 1e8
_CELLS = 400_000  # S · R that are worked on at once: 16 MB an array of five rows
_SMALLER_SUPPORTS_F = np.array([s for s in product((1.0, 0.0), repeat=3) if 0 < sum(s) < 3])


@dataclass(frozen=True, slots=True)
class Surfaces:
    """Fitted parameters, one row for each weighting.

    Attributes:
        log_params: centre of log N.
        log_tokens: centre of log D.
        coefficients_SF: E, and A and B in centred units: A/N^α at the centre of N.
        exponents_S2: α and β.
    """

    log_params: float
    log_tokens: float
    coefficients_SF: Floats
    exponents_S2: Floats

    @property
    def parameters_SP(self) -> Floats:
        """E, A, B (in the units of N and D), α and β (S, 5)."""
        shift_S2 = self.exponents_S2 * np.array([self.log_params, self.log_tokens])
        scaled_S2 = self.coefficients_SF[:, 1:] * np.exp(shift_S2)
        return np.hstack([self.coefficients_SF[:, :1], scaled_S2, self.exponents_S2])


def fit_surfaces(
    params_R: Floats, tokens_R: Floats, loss_R: Floats, weights_SR: Floats, objective: Objective
) -> Surfaces:
    """Return the best surface for every weighting.

    Args:
        params_R: parameters of each run, N.
        tokens_R: tokens of each run, D.
        loss_R: loss of each run in nats.
        weights_SR: weight of each run in each fit, at least 0.
        objective: cost of a residual.
    """
    log_params_R, log_tokens_R = np.log(params_R), np.log(tokens_R)
    centres = float(log_params_R.mean()), float(log_tokens_R.mean())
    logs_2R = np.stack([log_params_R - centres[0], log_tokens_R - centres[1]])
    problem = _Problem(logs_2R, loss_R, objective)
    parts = max(1, round(weights_SR.size / _CELLS))
    fits = [_fit_part(problem, part_SR) for part_SR in np.array_split(weights_SR, parts)]
    coefficients, exponents = zip(*fits, strict=True)
    return Surfaces(*centres, np.concatenate(coefficients), np.concatenate(exponents))


def nonnegative_least_squares(gram_XFF: Floats, moments_XF: Floats) -> Floats:
    """Return the c >= 0 (X, 3) with the least c·Gram·c - 2c·moments.

    Where the solution in all three has a negative part, every smaller set of coefficients is
    solved, and the best solution that is not negative is the answer.
    """
    best_XF = _solve(gram_XFF, moments_XF, np.ones(3))
    (left_Y,) = np.nonzero((best_XF < 0).any(-1))
    gram_YFF, moments_YF = gram_XFF[left_Y], moments_XF[left_Y]
    best_YF, least_Y = np.zeros_like(moments_YF), np.zeros(len(left_Y))
    for support_F in _SMALLER_SUPPORTS_F:
        found_YF = _solve(gram_YFF, moments_YF, support_F)
        value_Y = -(found_YF * moments_YF).sum(-1)  # at a solution c·Gram·c = c·moments
        better_Y = (found_YF >= 0).all(-1) & (value_Y < least_Y)
        least_Y[better_Y] = value_Y[better_Y]
        best_YF[better_Y] = found_YF[better_Y]
    best_XF[left_Y] = best_YF
    return best_XF


def _solve(gram_XFF: Floats, moments_XF: Floats, support_F: Floats) -> Floats:
    """Return the least squares in some of the coefficients, the others zero."""
    ridge_XF = np.einsum("xff->xf", gram_XFF) * _RIDGE + 1e-300
    added_XFF = np.eye(3) * (ridge_XF + (1 - support_F))[:, None, :]
    system_XFF = gram_XFF * support_F[:, None] * support_F + added_XFF
    solved: Floats = np.linalg.solve(system_XFF, (moments_XF * support_F)[..., None])[..., 0]
    return solved


@dataclass(frozen=True, slots=True)
class _Problem:
    """Centred logarithms of N and D (2, R), the loss of each run (R), the cost of a residual."""

    logs_2R: Floats
    loss_R: Floats
    objective: Objective


def _fit_part(problem: _Problem, weights_SR: Floats) -> tuple[Floats, Floats]:
    """Return coefficients (S, 3) and exponents (S, 2) of some of the weightings."""
    exponents_S2 = _best_of_grid(problem.logs_2R, problem.loss_R, weights_SR)
    features_SFR = _features(problem.logs_2R, exponents_S2)
    start_SF = _coefficients(features_SFR, problem.loss_R, weights_SR)
    search = _Search(problem, weights_SR, start_SF, exponents_S2)
    search.run()
    return search.coefficients_SF, search.exponents_S2


def _best_of_grid(logs_2R: Floats, loss_R: Floats, weights_SR: Floats) -> Floats:
    """Return the exponents (S, 2) of the grid with the least squares."""
    grid_G = np.geomspace(LOWEST, HIGHEST, _GRID)
    x_GR, y_GR = np.exp(-grid_G[:, None] * logs_2R[:, None, :])
    sums = {
        name: values @ weights_SR.T
        for name, values in {
            "1": np.ones((1, len(loss_R))), "L": loss_R[None], "x": x_GR, "y": y_GR,
            "xx": x_GR**2, "yy": y_GR**2, "xL": x_GR * loss_R, "yL": y_GR * loss_R,
        }.items()
    }  # fmt: skip
    least_S = np.full(len(weights_SR), np.inf)
    best_S2 = np.empty((len(weights_SR), 2))
    for place, alpha in enumerate(grid_G):
        sums["xy"] = (x_GR[place] * y_GR) @ weights_SR.T
        value_GS = _values_of_row(sums, place)
        beta_S = value_GS.argmin(0)
        value_S = value_GS[beta_S, np.arange(len(beta_S))]
        better_S = value_S < least_S
        least_S[better_S] = value_S[better_S]
        best_S2[better_S, 0] = alpha
        best_S2[better_S, 1] = grid_G[beta_S[better_S]]
    return best_S2


def _values_of_row(sums: Mapping[str, Floats], place: int) -> Floats:
    """Return for one alpha and every beta (G, S) the least squares, less the sum of L²."""
    shape = sums["y"].shape
    x, xx, x_loss = (sums[name][place] for name in ("x", "xx", "xL"))
    gram = (sums["1"], x, sums["y"], x, xx, sums["xy"], sums["y"], sums["xy"], sums["yy"])
    moments = (sums["L"], x_loss, sums["yL"])
    gram_X9, moments_XF = (
        np.stack([np.broadcast_to(each, shape).ravel() for each in parts], -1)
        for parts in (gram, moments)
    )
    found_XF = nonnegative_least_squares(gram_X9.reshape(-1, 3, 3), moments_XF)
    value_GS: Floats = -(found_XF * moments_XF).sum(-1).reshape(shape)
    return value_GS


def _features(logs_2R: Floats, exponents_S2: Floats) -> Floats:
    """Return 1, N^-α and D^-β (S, 3, R)."""
    features_SFR = np.ones((len(exponents_S2), 3, logs_2R.shape[1]))
    np.exp(-exponents_S2[..., None] * logs_2R, out=features_SFR[:, 1:])
    return features_SFR


def _coefficients(features_SFR: Floats, loss_R: Floats, weights_SR: Floats) -> Floats:
    weighted_SFR = features_SFR * weights_SR[:, None]
    gram_SFF = weighted_SFR @ features_SFR.transpose(0, 2, 1)
    return nonnegative_least_squares(gram_SFF, weighted_SFR @ loss_R)


class _Search:
    """Levenberg-Marquardt steps in the exponents, for all weightings that still move."""

    def __init__(
        self,
        problem: _Problem,
        weights_SR: Floats,
        coefficients_SF: Floats,
        exponents_S2: Floats,
    ) -> None:
        self._problem = problem
        self._weights_SR = weights_SR
        self._damping_S = np.full(len(weights_SR), _DAMPING)
        self.coefficients_SF = coefficients_SF
        self.exponents_S2 = exponents_S2

    def run(self) -> None:
        """Step until every weighting has converged."""
        moving_S = np.arange(len(self._weights_SR))
        for _ in range(_STEPS):
            moving_S = moving_S[self._step(moving_S)]
            if not len(moving_S):
                return

    def _step(self, at: Places) -> NDArray[np.bool_]:
        """Take one step for the weightings `at`; return which of them (booleans) still move."""
        logs_2R, loss_R = self._problem.logs_2R, self._problem.loss_R
        objective = self._problem.objective
        exponents_S2, coefficients_SF = self.exponents_S2[at], self.coefficients_SF[at]
        features_SFR = _features(logs_2R, exponents_S2)
        fitted_SR = np.einsum("sf,sfr->sr", coefficients_SF, features_SFR)
        drawn_SR = self._weights_SR[at]
        weights_SR = drawn_SR * objective.weights(loss_R, fitted_SR)
        step_S2 = self._exponent_step(at, features_SFR, fitted_SR, weights_SR)
        new_S2 = np.clip(exponents_S2 + step_S2, LOWEST, HIGHEST)
        new_SFR = _features(logs_2R, new_S2)
        new_SF = _coefficients(new_SFR, loss_R, weights_SR)
        new_fitted_SR = np.einsum("sf,sfr->sr", new_SF, new_SFR)
        cost_S, new_cost_S = (
            (drawn_SR * objective.cost(loss_R, each)).sum(-1) for each in (fitted_SR, new_fitted_SR)
        )
        good_S = new_cost_S <= cost_S
        self.exponents_S2[at[good_S]] = new_S2[good_S]
        self.coefficients_SF[at[good_S]] = new_SF[good_S]
        factor_S = np.where(good_S, 0.1, 10.0)
        self._damping_S[at] = np.maximum(self._damping_S[at] * factor_S, 1e-12)
        moved_S = np.abs(new_S2 - exponents_S2).max(-1) > _TOLERANCE
        moving_S: NDArray[np.bool_] = moved_S & (self._damping_S[at] < _MAX_DAMPING)
        return moving_S

    def _exponent_step(
        self, at: Places, features_SFR: Floats, fitted_SR: Floats, weights_SR: Floats
    ) -> Floats:
        """Return the exponents' part (S, 2) of a damped Gauss-Newton step in all parameters."""
        coefficients_SF = self.coefficients_SF[at]
        slopes_S2R = -coefficients_SF[:, 1:, None] * features_SFR[:, 1:] * self._problem.logs_2R
        jacobian_SPR = np.concatenate([features_SFR, slopes_S2R], 1)
        weighted_SPR = jacobian_SPR * weights_SR[:, None]
        residuals_SR = self._problem.loss_R - fitted_SR
        hessian_SPP = weighted_SPR @ jacobian_SPR.transpose(0, 2, 1)
        gradient_SP = np.einsum("spr,sr->sp", weighted_SPR, residuals_SR)
        # Columns of length one; what is at zero stays there, and so does its exponent.
        free_SP = np.hstack([coefficients_SF > 0, coefficients_SF[:, 1:] > 0])
        length_SP = np.sqrt(np.einsum("spp->sp", hessian_SPP))
        scale_SP = np.where(free_SP, 1 / np.maximum(length_SP, 1e-150), 0.0)
        hessian_SPP = hessian_SPP * scale_SP[:, :, None] * scale_SP[:, None, :]
        damping_SP = np.where(np.arange(5) < 3, 0.0, self._damping_S[at, None]) + _RIDGE
        system_SPP = hessian_SPP + np.eye(5) * (damping_SP + ~free_SP)[:, None, :]
        step_SP = np.linalg.solve(system_SPP, (gradient_SP * scale_SP)[..., None])[..., 0]
        step_S2: Floats = (step_SP * scale_SP)[:, 3:]
        return step_S2
