"""The two costs of a residual that a fit may minimise, and the weights that make them squares.

Least squares takes (L - f)² of the loss L and its fit f. Huber takes, of u = log L - log f,

    u²/2            if |u| <= δ,
    δ(|u| - δ/2)    else,                                          with δ = 0.001,

as Hoffmann et al. (2022, section 3.3) do. The derivative of its sum in a parameter is that of
Σ v(L - f)²/2 with the weights v = min(1, δ/|u|) · u/(L - f) / f held fixed, so a stationary point
of the weighted squares, whose weights are computed at the point itself, is one of the Huber cost
(iteratively reweighted least squares).

Shapes: S resamples, R runs.
"""

from dataclasses import dataclass
from typing import Literal, Protocol

import numpy as np

from aira_dsl.utils.statistics import Floats

ObjectiveName = Literal["least-squares", "huber"]
DELTA = 1e-3


class Objective(Protocol):
    """A cost of residuals."""

    def cost(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return the cost of every residual (S, R)."""

    def weights(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return the weights (S, R) of the squared residuals with the gradient of the cost."""


@dataclass(frozen=True, slots=True)
class LeastSquares:
    """Squares of the residuals of the loss."""

    def cost(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return the cost of every residual (S, R)."""
        return (loss_R - fitted_SR) ** 2

    def weights(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return ones (S, R)."""
        return np.ones_like(fitted_SR)


@dataclass(frozen=True, slots=True)
class Huber:
    """Huber's cost of the residuals of the logarithm of the loss."""

    delta: float = DELTA

    def cost(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return the cost of every residual (S, R)."""
        size_SR = np.abs(np.log(loss_R / fitted_SR))
        outer_SR = self.delta * (size_SR - self.delta / 2)
        return np.where(size_SR <= self.delta, size_SR**2 / 2, outer_SR)

    def weights(self, loss_R: Floats, fitted_SR: Floats) -> Floats:
        """Return the weights (S, R) of the squared residuals with the gradient of the cost."""
        ratio_SR = loss_R / fitted_SR - 1  # u = log(1 + ratio), L - f = ratio · f
        u_SR = np.log1p(ratio_SR)
        small_SR = np.abs(ratio_SR) < 1e-12
        slope_SR = np.where(small_SR, 1.0, u_SR / np.where(small_SR, 1.0, ratio_SR))
        clipped_SR = self.delta / np.maximum(np.abs(u_SR), self.delta)
        weights_SR: Floats = clipped_SR * slope_SR / fitted_SR**2
        return weights_SR


OBJECTIVES: dict[ObjectiveName, Objective] = {"least-squares": LeastSquares(), "huber": Huber()}
