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
from aira_dsl.evaluation.evaluator import Evaluator, code_version
from aira_dsl.evaluation.pool import EvaluationRequest
from aira_dsl.evaluation.presets import TIME_LIMITS, PresetName, lengthened, preset_settings
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.experiments.paper_patterns import BALANCED, BASELINES, BASES, layers_of
from aira_dsl.space import Space
from aira_dsl.utils.machine import available_cores

LONGER: PresetName = "long"
MEMORY_LIMIT = 4 << 30


def calibration_set(count: int) -> dict[str, tuple[str, ...]]:
    """Return arrangements spread over the space: the bases, the plain ones, then random ones.

    Every second name of the returned order is as good a sample as the whole, so that a prefix may
    be used where time is short.
    """
    named = layers_of({**BASES, **BASELINES, **BALANCED})
    space = Space.default()
    drawn = space.sample(count, seed=1)
    random_ones = {f"random {number + 1}": layers for number, layers in enumerate(drawn)}
    return dict(list({**named, **random_ones}.items())[:count])


@dataclass(frozen=True)
class Extent:
    """How much a calibration measures.

    Attributes:
        arrangements: size of the calibration set, at least 16.
        seeds: evaluations of each, at least 2.
        longer: how many of them are evaluated with the preset `long` too; 0 for none.
        times: with which multiples of the preset's training these are evaluated besides.
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
    store: str | Path | None = None,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Calibration:
    """Measure how far a preset's scores can be trusted; the same call continues a broken one.

    Args:
        preset: what to measure, in the quickest precision here.
        extent: how much to measure.
        known: an earlier calibration of this preset, perhaps from another machine: what it holds is
            kept, and only multiples of the training that it lacks are measured.
        workers: evaluation processes; None for one a core.
        store: the SQLite file of results; None for the user's own.
        on_progress: told of every result.

    Raises:
        InputError: E0646, if `known` is of another preset or other settings.
        RunError: E0642, if an arrangement could not be evaluated.
        AiraError: for unusable stores.
    """
    with closing(Store(store or default_store_path())) as opened:
        sitting = _Sitting(opened, workers or available_cores(), on_progress)
        base = _base(preset, extent, sitting) if known is None else _checked(known, preset)
        have = {point.times for point in base.curve}
        return _with_curve(base, [times for times in extent.times if times not in have], sitting)


@dataclass(frozen=True)
class _Sitting:
    """Where evaluations are kept, how many run at once, and who is told."""

    store: Store
    workers: int
    tell: Callable[[str], None]


def _base(preset: PresetName, extent: Extent, sitting: _Sitting) -> Calibration:
    """Measure all but the curve."""
    chosen = calibration_set(extent.arrangements)
    spread = _spread(list(chosen), extent.longer)
    seeds = extent.seeds
    own = Evaluator(preset_settings(preset), store=sitting.store)
    exact = Evaluator(preset_settings(preset, precision="fp32"), store=sitting.store)
    long = Evaluator(preset_settings(LONGER), store=sitting.store)
    plan = [(own, name, seed) for seed in range(seeds) for name in chosen]
    plan += [(long, name, 0) for name in spread]
    if exact.identity != own.identity:
        plan += [(exact, name, 0) for name in chosen]
    found = _evaluate(plan, chosen, sitting)
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


def _with_curve(base: Calibration, times: Sequence[int], sitting: _Sitting) -> Calibration:
    """Add what is measured with multiples of the training."""
    chosen = {each.name: each.layers for each in base.longer}
    settings = preset_settings(cast(PresetName, base.preset))
    evaluators = {
        factor: Evaluator(lengthened(settings, factor), store=sitting.store) for factor in times
    }
    plan = [(evaluator, name, 0) for evaluator in evaluators.values() for name in chosen]
    found = _evaluate(plan, chosen, sitting)
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
        f"the calibration that is there is of the preset {known.preset} with other settings",
        help="choose another folder with --out, or replace it with --force",
    )


def _machine() -> str:
    return f"{platform.machine()}, {available_cores()} cores"


_Found = dict[tuple[str, str, int], Evaluation]


def _evaluate(
    plan: Sequence[tuple[Evaluator, str, int]],
    chosen: dict[str, tuple[str, ...]],
    sitting: _Sitting,
) -> _Found:
    space = Space.default()
    architectures: dict[str, Architecture] = {
        name: space.architecture(layers) for name, layers in chosen.items()
    }
    names = {architecture.fingerprint: name for name, architecture in architectures.items()}

    def tell(done: int, total: int, evaluation: Evaluation) -> None:
        outcome = evaluation.status if evaluation.score is None else f"{evaluation.score:.4f}"
        who = names[evaluation.fingerprint]
        sitting.tell(
            f"[{done}/{total}] {who}, seed {evaluation.seed}: {outcome}, {evaluation.seconds:.0f} s"
        )

    results = evaluate_all(
        [EvaluationRequest(evaluator, architectures[name], seed) for evaluator, name, seed in plan],
        workers=sitting.workers,
        time_limit=TIME_LIMITS[LONGER],
        memory_limit=MEMORY_LIMIT,
        on_result=tell,
    )
    for (_, name, seed), evaluation in zip(plan, results, strict=True):
        if evaluation.status != "ok":
            raise RunError(
                "E0642",
                f"{name} with seed {seed} could not be evaluated: {evaluation.status}",
                help="the other results are kept; the same command goes on",
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
