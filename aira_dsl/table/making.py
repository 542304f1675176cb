"""Make a table: evaluate every arrangement of a space, over as many sittings as it takes."""

import platform
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from aira_dsl.errors import InputError, RunError
from aira_dsl.machine import available_cores
from aira_dsl.proxy.batch import Task, evaluate_all
from aira_dsl.proxy.evaluation import Evaluation, TaskScore
from aira_dsl.proxy.evaluator import Evaluator, code_version
from aira_dsl.proxy.presets import TIME_LIMITS, PresetName, preset_settings
from aira_dsl.proxy.store import Store, default_store_path
from aira_dsl.space import Space
from aira_dsl.table.record import MEASURES, SEPARATOR, Table

MOST = 100_000
"""Arrangements of a table, at most."""

MEMORY_LIMIT = 4 << 30
DIGITS = 6


def make_table(
    space: Space,
    *,
    preset: PresetName = "cpu",
    seeds: int = 2,
    store: str | Path | None = None,
    on_result: Callable[[int, int, Evaluation], None] = lambda done, total, evaluation: None,
) -> Table:
    """Evaluate every arrangement; the same call goes on where an earlier one was interrupted.

    All arrangements get their first seed before any gets its second.

    Args:
        space: up to 100,000 arrangements, without constraints.
        preset: cost of one evaluation.
        seeds: evaluations of each arrangement.
        store: the SQLite file of results; None for the user's own.
        on_result: called with the number done, the number of all, and what has just finished.

    Raises:
        InputError: E0645, if the space is too large or has constraints.
        RunError: E0642, if an arrangement could not be evaluated.
        AiraError: for unusable stores.
    """
    if space.size > MOST or space.constraints:
        raise InputError(
            "E0645",
            f"a table holds every arrangement of a space, at most {MOST:,}; "
            f"{space.definition.name} has {space.size:,}",
            help="use a space with fewer slots or blocks, and leave constraints to the search",
        )
    arrangements = [space.layers(index) for index in range(space.size)]
    architectures = [space.architecture(layers) for layers in arrangements]
    with closing(Store(store or default_store_path())) as opened:
        evaluator = Evaluator(preset_settings(preset), store=opened)
        results = evaluate_all(
            [Task(evaluator, each, seed) for seed in range(seeds) for each in architectures],
            workers=available_cores(),
            time_limit=TIME_LIMITS[preset],
            memory_limit=MEMORY_LIMIT,
            on_result=on_result,
        )
    for place, result in enumerate(results):
        if result.status != "ok":
            name = SEPARATOR.join(arrangements[place % len(arrangements)])
            raise RunError(
                "E0642",
                f"{name} with seed {result.seed} could not be evaluated: {result.status}",
                help="the other results are kept; the same command goes on",
            )
    return Table(
        definition=space.definition,
        evaluator=evaluator.settings,
        code_version=code_version(),
        machine=f"{platform.machine()}, {available_cores()} cores",
        seeds=seeds,
        rows={
            SEPARATOR.join(layers): tuple(
                _kept(results[seed * len(arrangements) + place].tasks) for seed in range(seeds)
            )
            for place, layers in enumerate(arrangements)
        },
    )


def _kept(tasks: tuple[TaskScore, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(getattr(task, name), DIGITS) for name in MEASURES) for task in tasks)
