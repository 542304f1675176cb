"""The comparison of design runs: on each task, and over all tasks.

A run's final score is its own score on the test split: the judge opened it once, for the winner,
with a training seed that no trial and no repeat of the run has (`DesignSettings.test_seed`).
"""

import math
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from aira_dsl.design.run import DesignRun
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.experiments.comparison.analysis import Known, Statistics
from aira_dsl.experiments.comparison.design_record import DesignComparison, Overall
from aira_dsl.experiments.comparison.record import Comparison, Interval, Method, RunSummary
from aira_dsl.experiments.comparison.summary import finished, summarise_run
from aira_dsl.utils.statistics import percentile_interval, shares

Groups = Mapping[str, Sequence[DesignRun]]
WITHOUT_MODEL = ("scripted", "local")
"""Proposers that ask no language model."""


def by_task(runs: Sequence[DesignRun]) -> dict[str, list[DesignRun]]:
    """Group runs by the name of their task."""
    groups: dict[str, list[DesignRun]] = {}
    for run in runs:
        groups.setdefault(run.settings.task, []).append(run)
    return groups


def judge_design_runs(groups: Groups, *, folder: Path, budget: int) -> DesignComparison:
    """Compare methods by their runs.

    Args:
        groups: runs by method, those of one task all judged alike (`compatibility.check_alike`).
        folder: of the comparison; the run folders are named relative to it.
        budget: candidates of each run.
    """
    runs = [run for group in groups.values() for run in group]
    tasks = {
        task: _on_task(
            {name: [r for r in group if r.settings.task == task] for name, group in groups.items()},
            folder,
            budget,
        )
        for task in by_task(runs)
    }
    return DesignComparison(
        budget=budget,
        seeds=tuple(sorted({run.settings.seed for run in runs})),
        methods={
            name: _overall([each.methods[name] for each in tasks.values() if name in each.methods])
            for name in groups
        },
        tasks=tasks,
        scripted=all(run.settings.agent.proposer in WITHOUT_MODEL for run in runs),
    )


def _on_task(groups: Groups, folder: Path, budget: int) -> Comparison:
    known = {name: group for name, group in groups.items() if group}
    runs = [run for group in known.values() for run in group]
    summaries = {name: [_summary(r, folder, budget) for r in g] for name, g in known.items()}
    first, noise = runs[0], _pooled([run.noise for run in runs if run.noise is not None])
    direction, optimum = first.direction, first.scale.optimum
    found = Statistics(
        summaries,
        direction,
        noise,
        Known(_perfect(direction) if optimum is None else optimum, _reference(runs, summaries)),
        repeats=1,
    )
    settings = first.settings
    return Comparison(
        space=settings.task,
        slots=0,
        constraints=(),
        preset=settings.task_size,
        objective="design",
        metric=settings.metric,
        direction=direction,
        budget=budget,
        seeds=tuple(sorted({run.settings.seed for run in runs})),
        test_seeds=(),
        evaluator_identity=settings.task_identity,
        code_version=settings.code_version,
        noise=noise.value if noise else None,
        noise_basis=noise.basis if noise else "",
        worst=found.worst,
        reference=found.reference,
        methods={name: found.method(name) for name in known},
        beats=found.beats(),
        differences=found.of_pairs(found.difference),
        noise_floor=found.of_pairs(found.noise_floor),
    )


def _summary(run: DesignRun, folder: Path, budget: int) -> RunSummary:
    rows, best = finished(run), run.best
    gain = run.result.improvement(best) if best else None
    tests = () if best is None else (best.test_score,)
    told = summarise_run(run, tests, budget=budget, folder=os.path.relpath(run.folder, folder))
    valid = sum(row.score is not None for row in rows) / len(rows) if rows else 0.0
    more = {
        "valid_candidates": valid,
        "gain": gain.mean if gain else None,
        "improved": gain is not None and gain.significant,
    }
    return told.model_copy(update=more)


def _perfect(direction: Direction) -> float:
    return 1.0 if direction is Direction.MAXIMIZE else 0.0


def _reference(
    runs: Sequence[DesignRun], summaries: Mapping[str, Sequence[RunSummary]]
) -> float | None:
    """Return the best score of the baselines that the task names; None for the best of all runs.

    That is so for a task that names none, and if no run is worse than its best one.
    """
    direction = runs[0].direction
    best = direction.best(runs[0].scale.baselines.values())
    finals = [run.final for group in summaries.values() for run in group if run.final is not None]
    worse = best is not None and any(direction.better(best, final) for final in finals)
    return best if worse else None


def _pooled(noises: Sequence[Noise]) -> Noise | None:
    """Return the noise of a score on a task, from what all its runs know of it."""
    if not noises:
        return None
    freedom = max(noise.freedom for noise in noises)  # runs may share a part of their evidence
    weights = [noise.freedom for noise in noises]
    variance = float(np.average([noise.value**2 for noise in noises], weights=weights))
    value = math.sqrt(variance)
    basis = noises[0].basis if len(noises) == 1 else f"{len(noises)} runs, each {noises[0].basis}"
    return Noise(value, value, freedom, noises[0].origin, basis)


def _overall(methods: Sequence[Method]) -> Overall:
    """Return what the runs of a method on all tasks say together."""
    groups = [method.runs for method in methods]
    runs = [run for group in groups for run in group]
    usd = [run.usd for run in runs]
    return Overall(
        runs=len(runs),
        valid_runs=_mean([[float(r.final is not None) for r in group] for group in groups]),
        valid_candidates=_mean([[r.valid_candidates or 0.0 for r in group] for group in groups]),
        normalised=_normalised(methods),
        improved=_mean([[float(bool(r.improved)) for r in group] for group in groups]),
        tokens=sum(run.tokens for run in runs) / len(runs),
        usd=None if None in usd else sum(cost or 0.0 for cost in usd) / len(runs),
        seconds=sum(run.seconds for run in runs) / len(runs),
    )


def _normalised(methods: Sequence[Method]) -> Interval | None:
    known = [[r.normalised for r in m.runs if r.normalised is not None] for m in methods]
    return _mean([group for group in known if group]) if any(known) else None


def _mean(groups: Sequence[Sequence[float]]) -> Interval:
    """Return the mean over tasks of the means over runs; runs are resampled within their task."""
    means = [sum(group) / len(group) for group in groups]
    resampled = [
        shares(len(group), seed=place) @ np.array(group) for place, group in enumerate(groups)
    ]
    smallest = min(map(len, groups))
    means_S = np.mean(resampled, axis=0)
    low, high = percentile_interval(means_S, smallest, smallest)
    return Interval(mean=sum(means) / len(means), low=low, high=high)
