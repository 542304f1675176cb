"""Measure a preset: a set of arrangements with several seeds, longer training, and fp32."""

import platform
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import cast

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError, RunError
from aira_dsl.evaluation.batch import evaluate_all
from aira_dsl.evaluation.calibration import Calibration, Measured, Point
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.evaluation.evaluator import ArchitectureRequest, Evaluator, code_version
from aira_dsl.evaluation.presets import (
    TIME_LIMITS,
    EvaluatorSettings,
    lengthened,
    preset_settings,
)
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.experiments.paper_patterns import BALANCED, BASELINES, BASES, layers_of
from aira_dsl.space import Space
from aira_dsl.utils.machine import available_cores

LONGER: PresetName = "long"


def calibration_set(count: int) -> dict[str, tuple[str, ...]]:
    """Return arrangements spread over the space: bases, baselines, balanced, then random ones."""
    named = layers_of({**BASES, **BASELINES, **BALANCED})
    space = Space.default()
    drawn = space.sample(count, seed=1)
    random_ones = {f"random {number + 1}": layers for number, layers in enumerate(drawn)}
    return dict(list({**named, **random_ones}.items())[:count])


@dataclass(frozen=True)
class Extent:
    """Extent of a calibration.

    Attributes:
        arrangements: size of the calibration set, at least 16.
        seeds: evaluations of each arrangement, at least 2.
        longer: number of arrangements that are also evaluated with the preset `long`.
        times: multiples of the preset's training with which these are evaluated as well.
    """

    arrangements: int = 40
    seeds: int = 3
    longer: int = 16
    times: tuple[int, ...] = (2, 4)


def calibrate(  # noqa: PLR0913 — all by name
    preset: PresetName = "cpu",
    *,
    extent: Extent = Extent(),
    known: Calibration | None = None,
    workers: int | None = None,
    ray: str | None = None,
    store: str | Path | None = None,
    make_evaluator: Callable[..., Evaluator] = Evaluator,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Calibration:
    """Measure how reliable a preset's scores are; the same call continues an interrupted one.

    Args:
        preset: what to measure, in the fastest precision here.
        extent: how much to measure.
        known: an earlier calibration of this preset, perhaps from another machine: what it holds is
            kept, and only multiples of the training that it lacks are measured.
        workers: evaluation processes; None for one a core, or for as many as a cluster holds.
        ray: address of a Ray cluster that evaluates; None for this machine.
        store: the SQLite file of results; None for the user's own.
        make_evaluator: called with settings and `store`; a test may plan the scores.
        on_progress: called with a line of text for every result.

    Raises:
        InputError: E0646, if `known` is of another preset or other settings.
        RunError: E0642, if an arrangement could not be evaluated.
        UsageError: E1901, E1902, if there is no such cluster.
        AiraError: for unusable stores.
    """
    with closing(Store(store or default_store_path())) as opened:
        session = _Session(opened, make_evaluator, workers, ray, on_progress)
        base = _base(preset, extent, session) if known is None else _checked(known, preset)
        have = {point.times for point in base.curve}
        return _with_curve(base, [times for times in extent.times if times not in have], session)


@dataclass(frozen=True)
class _Session:
    """How evaluations are made, kept and reported."""

    store: Store
    make_evaluator: Callable[..., Evaluator]
    workers: int | None
    ray: str | None
    on_progress: Callable[[str], None]

    def evaluator(self, settings: EvaluatorSettings) -> Evaluator:
        """Return an evaluator with the store of this session."""
        return self.make_evaluator(settings, store=self.store)


def _base(preset: PresetName, extent: Extent, session: _Session) -> Calibration:
    """Measure all but the curve."""
    chosen = calibration_set(extent.arrangements)
    spread = _spread(list(chosen), extent.longer)
    seeds = extent.seeds
    own = session.evaluator(preset_settings(preset))
    exact = session.evaluator(preset_settings(preset, precision="fp32"))
    long = session.evaluator(preset_settings(LONGER))
    plan = [(own, name, seed) for seed in range(seeds) for name in chosen]
    plan += [(long, name, 0) for name in spread]
    if exact.identity != own.identity:
        plan += [(exact, name, 0) for name in chosen]
    found = _evaluate(plan, chosen, session)
    return Calibration(
        preset=preset,
        precision=own.settings.precision,
        identity=own.identity,
        code_version=code_version(),
        machine=_machine(),
        seeds=seeds,
        arrangements=_measured(found, own, chosen, range(seeds)),
        longer_preset=LONGER if spread else "",
        longer=_measured(found, long, {name: chosen[name] for name in spread}, [0]),
        exact=_measured(found, exact, chosen, [0]) if exact.identity != own.identity else (),
    )


def _with_curve(base: Calibration, times: Sequence[int], session: _Session) -> Calibration:
    """Add measurements with multiples of the training."""
    chosen = {each.name: each.layers for each in base.longer}
    settings = preset_settings(cast(PresetName, base.preset))
    evaluators = {factor: session.evaluator(lengthened(settings, factor)) for factor in times}
    plan = [(evaluator, name, 0) for evaluator in evaluators.values() for name in chosen]
    found = _evaluate(plan, chosen, session)
    points = [
        Point(
            times=factor,
            precision=settings.precision,
            code_version=code_version(),
            machine=_machine(),
            measured=_measured(found, evaluator, chosen, [0]),
        )
        for factor, evaluator in evaluators.items()
        if chosen
    ]
    curve = tuple(sorted([*base.curve, *points], key=lambda point: point.times))
    return base.model_copy(update={"curve": curve})


def _checked(known: Calibration, preset: PresetName) -> Calibration:
    settings = preset_settings(preset).model_copy(update={"precision": known.precision})
    if known.preset == preset and known.identity == settings.identity():
        return known
    raise InputError(
        "E0646",
        f"the existing calibration is of the preset {known.preset} with other settings",
        help="choose another folder with --out, or replace it with --force",
    )


def _machine() -> str:
    return f"{platform.machine()}, {available_cores()} cores"


_Found = dict[tuple[str, str, int], Evaluation]


def _evaluate(
    plan: Sequence[tuple[Evaluator, str, int]],
    chosen: dict[str, tuple[str, ...]],
    session: _Session,
) -> _Found:
    space = Space.default()
    architectures: dict[str, Architecture] = {
        name: space.architecture(layers) for name, layers in chosen.items()
    }
    names = {architecture.fingerprint: name for name, architecture in architectures.items()}

    def report(done: int, total: int, evaluation: Evaluation) -> None:
        outcome = evaluation.status if evaluation.score is None else f"{evaluation.score:.4f}"
        name = names[evaluation.fingerprint]
        session.on_progress(
            f"[{done}/{total}] {name}, seed {evaluation.seed}: {outcome}, "
            f"{evaluation.seconds:.0f} s"
        )

    results = evaluate_all(
        [
            ArchitectureRequest(evaluator, architectures[name], seed)
            for evaluator, name, seed in plan
        ],
        workers=session.workers,
        ray=session.ray,
        time_limit=TIME_LIMITS[LONGER],
        on_result=report,
    )
    for (_, name, seed), evaluation in zip(plan, results, strict=True):
        if evaluation.status != "ok":
            raise RunError(
                "E0642",
                f"{name} with seed {seed} could not be evaluated: {evaluation.status}",
                help="the other results are kept; the same command continues",
            )
    keys = [(evaluator.identity, name, seed) for evaluator, name, seed in plan]
    return dict(zip(keys, results, strict=True))


def _measured(
    found: _Found, evaluator: Evaluator, chosen: dict[str, tuple[str, ...]], seeds: Sequence[int]
) -> tuple[Measured, ...]:
    measured = []
    for name, layers in chosen.items():
        results = [found[evaluator.identity, name, seed] for seed in seeds]
        tasks = [task.task for task in results[0].tasks]
        scores = {
            task: tuple(round(result.tasks[place].token_accuracy, 6) for result in results)
            for place, task in enumerate(tasks)
        }
        scores["score"] = tuple(round(result.score or 0.0, 6) for result in results)
        seconds = tuple(round(result.seconds, 1) for result in results)
        measured.append(Measured(name=name, layers=layers, scores=scores, seconds=seconds))
    return tuple(measured)


def _spread(names: Sequence[str], count: int) -> list[str]:
    """Choose some names, evenly over the list."""
    count = min(count, len(names))
    return [names[place * len(names) // count] for place in range(count)] if count else []
