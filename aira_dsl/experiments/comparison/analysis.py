"""The comparison of methods, computed from their runs and final scores."""

import math
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import permutations
from pathlib import Path
from typing import TypeVar

import numpy as np

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.noise import Noise, search_noise
from aira_dsl.evaluation.table import Table
from aira_dsl.evaluation.table_evaluator import table_of
from aira_dsl.experiments.comparison import statistics
from aira_dsl.experiments.comparison.final_scores import Found, best_known
from aira_dsl.experiments.comparison.record import Comparison, Interval, Method, RunSummary
from aira_dsl.experiments.comparison.summary import summarise_run
from aira_dsl.study.run import Run
from aira_dsl.utils.statistics import difference_interval, mean_interval, mean_intervals

Groups = Mapping[str, Sequence[Run]]
T = TypeVar("T")
OPTIMUM = {"mad": 1.0, "language": 0.0}
"""Score of a perfect model: every token right; no bits."""


def judge_runs(
    groups: Groups, tests: Found, *, evaluator: Evaluator, folder: Path, budget: int
) -> Comparison:
    """Compare methods by their runs and by the test scores of each run's best architecture.

    Args:
        groups: runs by method, all evaluated alike (`compatibility.check_alike`).
        tests: test scores of their best architectures (`final_scores.final_scores`).
        evaluator: of the final scores.
        folder: of the comparison; the run folders are named relative to it.
        budget: evaluations of each run.
    """
    runs = [run for group in groups.values() for run in group]
    seeds = sorted({seed for _, seed in tests})
    summaries = {
        name: [_summary(run, tests, seeds, folder, budget) for run in group]
        for name, group in groups.items()
    }
    first = runs[0]
    noise = _noise(tests, first, table_of(evaluator))
    found = Statistics(
        summaries,
        first.direction,
        noise,
        Known(OPTIMUM[first.settings.evaluator.objective], best_known(evaluator, first)),
        repeats=len(seeds),
    )
    return Comparison(
        space=first.settings.space["name"],
        slots=first.space.slots,
        constraints=first.settings.constraints,
        preset=first.settings.evaluator.preset,
        objective=first.settings.evaluator.objective,
        direction=first.direction,
        budget=budget,
        seeds=tuple(sorted({run.settings.seed for run in runs})),
        test_seeds=tuple(seeds),
        evaluator_identity=first.settings.evaluator_identity,
        code_version=first.settings.code_version,
        noise=noise.value if noise else None,
        noise_basis=noise.basis if noise else "",
        worst=found.worst,
        reference=found.reference,
        methods={name: found.method(name) for name in groups},
        beats=found.beats(),
        differences=found.of_pairs(found.difference),
        noise_floor=found.of_pairs(found.noise_floor),
    )


@dataclass(frozen=True)
class Known:
    """What is known of scores before a comparison.

    Attributes:
        optimum: score of a perfect candidate.
        reference: best known score; None for the best of all runs.
    """

    optimum: float
    reference: float | None


class Statistics:
    """The statistics of all methods, with scores turned so that larger is better.

    Args:
        summaries: of the runs, by method.
        direction: which way scores get better.
        noise: of a final score.
        known: scores that the normalised scale refers to.
        repeats: number of final scores of a run.
    """

    def __init__(
        self,
        summaries: Mapping[str, Sequence[RunSummary]],
        direction: Direction,
        noise: Noise | None,
        known: Known,
        *,
        repeats: int,
    ) -> None:
        self._runs = summaries
        self._sign = direction.sign
        self._optimum = self._sign * known.optimum
        self._noise, self._repeats = noise, repeats
        finals = [run.final for runs in summaries.values() for run in runs if run.final is not None]
        turned = sorted(self._sign * score for score in finals)
        self.worst = self._sign * turned[0] if turned else None
        best_of_runs = self._sign * turned[-1] if turned else None
        self.reference = best_of_runs if known.reference is None else known.reference

    def method(self, name: str) -> Method:
        """Return a method's runs and their statistics."""
        runs = self._runs[name]
        finals = self._scored(name)
        scale = [self._normalised(score) for score in self._finals(name)]
        known = [value for value in scale if value is not None]
        return Method(
            runs=tuple(
                run.model_copy(update={"normalised": value})
                for run, value in zip(runs, scale, strict=True)
            ),
            curve=mean_curve(runs),
            final=self._interval(*mean_interval(finals)) if finals else None,
            normalised=_interval(*mean_interval(known)) if known else None,
        )

    def beats(self) -> dict[str, dict[str, Interval]]:
        """Return how often each method beats each other; both directions from one bootstrap."""
        found: dict[str, dict[str, Interval]] = {name: {} for name in self._runs}
        for a, b in permutations(self._runs, 2):
            if a in found[b]:
                other = found[b][a]
                found[a][b] = _interval(1 - other.mean, 1 - other.high, 1 - other.low)
            else:
                found[a][b] = _interval(*statistics.beats(self._finals(a), self._finals(b)))
        return found

    def of_pairs(self, statistic: Callable[[str, str], T]) -> dict[str, dict[str, T]]:
        """Return a statistic of every ordered pair of methods."""
        return {a: {b: statistic(a, b) for b in self._runs if b != a} for a in self._runs}

    def difference(self, a: str, b: str) -> Interval | None:
        """Return mean final score of `a` minus that of `b`."""
        if not (self._scored(a) and self._scored(b)):
            return None
        return self._interval(*difference_interval(self._scored(a), self._scored(b)))

    def noise_floor(self, a: str, b: str) -> float | None:
        """Return the difference that the noise of the final scores alone may make."""
        if self._noise is None or not (self._scored(a) and self._scored(b)):
            return None
        named = [
            [r.fingerprint or "" for r in self._runs[x] if r.final is not None] for x in (a, b)
        ]
        return statistics.noise_floor(*named, noise=self._noise, repeats=self._repeats)

    def _finals(self, name: str) -> list[float]:
        """Return a method's final scores, turned."""
        finals = [run.final for run in self._runs[name]]
        return [-math.inf if final is None else self._sign * final for final in finals]

    def _scored(self, name: str) -> list[float]:
        return [final for final in self._finals(name) if final != -math.inf]

    def _normalised(self, turned: float) -> float | None:
        if self.worst is None or self.reference is None:
            return None
        return statistics.normalised(
            turned,
            optimum=self._optimum,
            worst=self._sign * self.worst,
            reference=self._sign * self.reference,
        )

    def _interval(self, mean: float, low: float, high: float) -> Interval:
        """Turn an interval of turned scores back."""
        low, high = sorted((self._sign * low, self._sign * high))
        return _interval(self._sign * mean, low, high)


def _noise(tests: Found, like: Run, table: Table | None) -> Noise | None:
    """Return the noise of the final scores, all of which have the same seeds."""
    by_architecture: dict[str, dict[str, float | None]] = {}
    for (fingerprint, seed), score in tests.items():
        by_architecture.setdefault(fingerprint, {})[str(seed)] = score
    scores = [score for score in tests.values() if score is not None]
    return search_noise(
        like.settings.evaluator,
        list(by_architecture.values()),
        near=like.direction.best(scores),
        table=table,
    )


def _summary(run: Run, tests: Found, seeds: Sequence[int], folder: Path, budget: int) -> RunSummary:
    best = run.best
    scores = [tests[best.fingerprint, seed] for seed in seeds] if best else []
    place = os.path.relpath(run.folder, folder)
    return summarise_run(run, scores, budget=budget, folder=place)


def mean_curve(runs: Sequence[RunSummary]) -> tuple[Interval | None, ...]:
    """Return the best score so far after each evaluation, over the runs."""
    columns = list(zip(*(run.best_so_far for run in runs), strict=True))
    known = [column for column in columns if None not in column]
    if not known:
        return (None,) * len(columns)
    found = mean_intervals(np.array(known, dtype=np.float64).T)
    points = [_interval(*map(float, point)) for point in zip(*found, strict=True)]
    return (None,) * (len(columns) - len(known)) + tuple(points)


def _interval(mean: float, low: float, high: float) -> Interval:
    return Interval(mean=mean, low=low, high=high)
