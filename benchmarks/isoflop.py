"""Scaling fits of runs whose law is known: recovery, coverage of the intervals, bias of parabolas.

    python -m benchmarks.isoflop --draws 200

Five surfaces L(N, D) = E + A/N^α + B/D^β with published or extreme exponents, each with a grid of
its own: sizes centred on the optimum of a budget, beside it, or with a centre that drifts with the
budget. First without noise: for the fit, Approach 2 and three sizes the error of the exponent a,
and that of the best size at 1e24 FLOPs, a thousand times the largest budget. Then with Gaussian
noise: how often the 95 % intervals of the fit hold the true value. Last, the time of a fit of 200
runs with 1,000 resamples.
"""

import argparse
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from aira_dsl.scaling.isoflop.approach2 import parabolas
from aira_dsl.scaling.isoflop.fit import fit_runs, quantities, surface_loss
from aira_dsl.scaling.isoflop.runs import Runs, ordered

FAR = 1e24
METHODS = ("approach2", "three_point")
COVERED = ("alpha", "beta", "E", "a", "gamma")


@dataclass(frozen=True)
class Setting:
    """A surface, and the grid of runs that is drawn from it.

    Attributes:
        parameters: E, A, B, alpha, beta.
        budgets: number of budgets, from 1e18 to 1e21 FLOPs.
        sizes: number of sizes at each budget.
        span: largest size of a budget divided by its centre.
        offset: decades between the centre of the sizes and the optimum.
        drift: decades by which the centre moves from the first to the last budget.
        noise: standard deviation of the loss in nats.
    """

    parameters: tuple[float, float, float, float, float]
    budgets: int = 5
    sizes: int = 5
    span: float = 4.0
    offset: float = 0.0
    drift: float = 0.0
    noise: float = 0.01

    def runs(self, noise: np.random.Generator | None = None) -> Runs:
        """Return the runs, without noise unless a source of it is given."""
        flops = np.repeat(np.geomspace(1e18, 1e21, self.budgets), self.sizes)
        moved = np.linspace(-self.drift / 2, self.drift / 2, self.budgets) + self.offset
        around = np.geomspace(1 / self.span, self.span, self.sizes)
        params = self.best_size(flops) * np.outer(10.0**moved, around).ravel()
        tokens = flops / (6 * params)
        loss = surface_loss(np.array(self.parameters), params, tokens)
        if noise is not None:
            loss = loss + self.noise * noise.standard_normal(len(loss))
        return ordered(Runs("synthetic", params, tokens, flops, flops, loss))

    def best_size(self, flops: np.ndarray) -> np.ndarray:
        """Return N* at budgets C = 6ND."""
        _, first, second, alpha, beta = self.parameters
        ratio = (alpha * first / (beta * second)) ** (1 / (alpha + beta))
        return ratio * (flops / 6) ** (beta / (alpha + beta))

    @property
    def truth(self) -> dict[str, float]:
        """The true value of every quantity of a fit."""
        found = quantities(np.array([self.parameters]))
        return {name: float(value[0]) for name, value in found.items()}


SETTINGS = {
    "Chinchilla, centred": Setting((1.8172, 482.01, 2085.43, 0.3478, 0.3658)),
    "equal exponents, drift": Setting((1.7, 400, 400, 0.31, 0.31), drift=0.6),
    "alpha above beta, wide": Setting((1.9, 900, 120, 0.45, 0.25), sizes=9, span=30),
    "beta above alpha, drift": Setting((1.9, 900, 120, 0.25, 0.45), offset=0.3, drift=0.6),
    "hybrid, drift back": Setting((1.2, 60, 70, 0.226, 0.219), budgets=6, offset=0.3, drift=-0.6),
}
"""The exponents of the first are those of Epoch AI, of the last of the Olmo Hybrid paper (2026)."""


def coverage(setting: Setting, *, draws: int, resamples: int, seed: int = 0) -> dict[str, float]:
    """Return the share of draws whose interval holds the true value, by quantity."""
    noise, hits = np.random.default_rng(seed), dict.fromkeys(COVERED, 0)
    for _ in range(draws):
        estimates = fit_runs(setting.runs(noise), resamples=resamples).estimates
        for name in COVERED:
            _, low, high = estimates[name]
            hits[name] += low <= setting.truth[name] <= high
    return {name: count / draws for name, count in hits.items()}


def errors(setting: Setting) -> dict[str, tuple[float, float]]:
    """Return for each method the error of a without noise, and N*/(true N*) - 1 at 1e24 FLOPs."""
    runs, truth, best = setting.runs(), setting.truth["a"], setting.best_size(FAR)
    fit = fit_runs(runs, resamples=1)
    found = {"fit": (fit.estimates["a"][0] - truth, fit.optima([FAR])[0].params[0] / best - 1)}
    for method in METHODS:
        curves = [each for each in parabolas(runs, method).curves if each.used]
        optima = np.log10([(each.flops, each.params) for each in curves])
        slope, start = np.polyfit(*optima.T, 1)
        found[method] = slope - truth, 10 ** (start + slope * np.log10(FAR)) / best - 1
    return found


def fit_seconds(setting: Setting) -> tuple[float, float]:
    """Return the wall-clock and the CPU seconds of a fit with 1,000 resamples."""
    runs = setting.runs(np.random.default_rng(0))
    began, cpu = time.perf_counter(), time.process_time()
    fit_runs(runs, resamples=1_000)
    return time.perf_counter() - began, time.process_time() - cpu


def _near(value: float, digits: int) -> float:
    """Round, without a zero below zero."""
    return round(value, digits) + 0.0


def _table(heads: Sequence[str]) -> None:
    print(f"| {' | '.join(heads)} |\n|{'---|' * len(heads)}", flush=True)


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--draws", type=int, default=200)
    options.add_argument("--resamples", type=int, default=1_000)
    given = options.parse_args()
    _table(["without noise", "a", "fit", "Approach 2", "three sizes"])
    for name, setting in SETTINGS.items():
        found = errors(setting).values()
        cells = " | ".join(f"{_near(a, 4):+.4f}, {_near(size, 3):+.1%}" for a, size in found)
        print(f"| {name} | {setting.truth['a']:.4f} | {cells} |")
    print()
    _table(["intervals that hold the truth", "runs", *COVERED])
    for name, setting in SETTINGS.items():
        found = coverage(setting, draws=given.draws, resamples=given.resamples)
        cells = " | ".join(f"{found[each]:.1%}" for each in COVERED)
        print(f"| {name} | {setting.budgets * setting.sizes} | {cells} |", flush=True)
    wide = replace(SETTINGS["Chinchilla, centred"], budgets=10, sizes=20)
    wall, cpu = fit_seconds(wide)
    print(f"\n200 runs with 1,000 resamples: {wall:.1f} s, {cpu:.1f} s of CPU time")


if __name__ == "__main__":
    main()
