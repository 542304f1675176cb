"""Make a table: evaluate every arrangement of a space, in as many sessions as it takes.

Results are kept twice: one by one in the evaluation store of this machine, and in the table's own
file, which can be moved to other machines and does not depend on the version of the code.
"""

import platform
from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.errors import InputError, RunError
from aira_dsl.evaluation.batch import evaluate_all
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.evaluation.evaluator import ArchitectureRequest, Evaluator, code_version
from aira_dsl.evaluation.presets import TIME_LIMITS, EvaluatorSettings, preset_settings
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table import MEASURES, SEPARATOR, Sitting, Table
from aira_dsl.models.accelerate import PrecisionChoice
from aira_dsl.space import Space
from aira_dsl.utils.machine import available_cores

MAX_ARRANGEMENTS = 100_000

DIGITS = 6


def make_table(  # noqa: PLR0913 — all by name
    space: Space,
    *,
    preset: PresetName = "cpu",
    precision: PrecisionChoice = "auto",
    seeds: int = 2,
    known: Table | None = None,
    store: str | Path | None = None,
    ray: str | None = None,
    make_evaluator: Callable[..., Evaluator] = Evaluator,
    save: Callable[[Table], None] = lambda table: None,
    on_result: Callable[[int, int, Evaluation], None] = lambda done, total, evaluation: None,
) -> Table:
    """Evaluate every arrangement; the same call continues an interrupted one.

    All arrangements get their first seed before any gets its second, and those of the space's
    first blocks come before those of its last, so that an unfinished table holds whole subspaces.

    Args:
        space: up to 100,000 arrangements, without constraints.
        preset: cost of one evaluation.
        precision: of the evaluations; with `auto` that of `known`, else the fastest here.
        seeds: evaluations of each arrangement.
        known: the table so far, perhaps from another machine; its contents are kept unchanged.
        store: the SQLite file of results; None for the user's own.
        ray: address of a Ray cluster that evaluates; None for this machine, one process a core.
        make_evaluator: called with settings and `store`; a test may plan the scores.
        save: called with the table so far, at the end and when interrupted.
        on_result: called with the number done, the number of all, and what has just finished.

    Raises:
        InputError: E0645, if the space is too large or has constraints; E0646, if `known` is of
            another space or other settings.
        RunError: E0642, if an arrangement could not be evaluated.
        UsageError: E1901, E1902, if there is no such cluster.
        AiraError: for unusable stores.
    """
    _check_size(space)
    if known is not None and precision == "auto":
        precision = known.evaluator.precision
    settings = preset_settings(preset, precision=precision)
    if known is not None:
        _check_same(known, space, settings)
    with closing(Store(store or default_store_path())) as opened:
        making = _Making(space, make_evaluator(settings, store=opened), seeds, known)
        try:
            results = evaluate_all(
                [
                    ArchitectureRequest(making.evaluator, space.architecture(a), s)
                    for a, s in making.missing()
                ],
                workers=None,
                ray=ray,
                time_limit=TIME_LIMITS[preset],
                on_result=on_result,
            )
        finally:
            table = making.table()
            if table.rows:
                save(table)
    for (layers, seed), result in zip(making.missing(), results, strict=True):
        if result.status != "ok":
            raise RunError(
                "E0642",
                f"{SEPARATOR.join(layers)} with seed {seed} could not be evaluated: "
                f"{result.status}",
                help="the other results are kept; the same command continues",
            )
    return table


_Row = tuple[tuple[tuple[float, ...], ...], ...]


@dataclass(frozen=True)
class _Making:
    """A table in progress: what is known, and what the store has collected since."""

    space: Space
    evaluator: Evaluator
    seeds: int
    known: Table | None

    def missing(self) -> list[tuple[tuple[str, ...], int]]:
        """List the evaluations that the known table lacks, in the order of execution."""
        names, rows = self.space.names, self._known_rows
        arrangements = sorted(
            map(self.space.layers, range(self.space.size)),
            key=lambda layers: max(map(names.index, layers)),  # stable: by index otherwise
        )
        return [
            (layers, seed)
            for seed in range(self.seeds)
            for layers in arrangements
            if seed >= len(rows.get(SEPARATOR.join(layers), ()))
        ]

    def table(self) -> Table:
        """Return the known table with all results that the store holds."""
        rows = dict(self._known_rows)
        added = 0
        for layers, seed in self.missing():
            name = SEPARATOR.join(layers)
            found = self.evaluator.recall(self.space.architecture(layers), seed)
            row = rows.get(name, ())
            # A row holds its seeds in order, without gaps.
            if found is not None and found.status == "ok" and len(row) == seed:
                rows[name] = (*row, _kept(found.tasks))
                added += 1
        ordered = [SEPARATOR.join(self.space.layers(index)) for index in range(self.space.size)]
        return Table(
            definition=self.space.definition,
            evaluator=self.evaluator.settings,
            sittings=self._sittings(added),
            rows={name: rows[name] for name in ordered if name in rows},
        )

    @property
    def _known_rows(self) -> dict[str, _Row]:
        return self.known.rows if self.known is not None else {}

    def _sittings(self, added: int) -> tuple[Sitting, ...]:
        machine = f"{platform.machine()}, {available_cores()} cores"
        before = list(self.known.sittings) if self.known is not None else []
        now = Sitting(code_version=code_version(), machine=machine, evaluations=added)
        if before and before[-1].model_copy(update={"evaluations": added}) == now:
            last = before.pop()
            now = now.model_copy(update={"evaluations": last.evaluations + added})
        return tuple(before + [now] * bool(now.evaluations))


def _check_size(space: Space) -> None:
    if space.size > MAX_ARRANGEMENTS or space.constraints:
        raise InputError(
            "E0645",
            f"a table holds every arrangement of a space, at most {MAX_ARRANGEMENTS:,}; "
            f"{space.definition.name} has {space.size:,}",
            help="use a space with fewer slots or blocks, and leave constraints to the search",
        )


def _check_same(known: Table, space: Space, settings: EvaluatorSettings) -> None:
    if known.definition != space.definition:
        what = f"of another space, {known.definition.name}"
    elif known.evaluator.identity() != settings.identity():
        what = (
            f"made with other settings: preset {known.evaluator.preset} "
            f"in {known.evaluator.precision}"
        )
    else:
        return
    raise InputError(
        "E0646",
        f"the existing table is {what}",
        help="choose another file with --out, or replace it with --force",
    )


def _kept(tasks: tuple[TaskScore, ...]) -> tuple[tuple[float, ...], ...]:
    return tuple(tuple(round(getattr(task, name), DIGITS) for name in MEASURES) for task in tasks)
