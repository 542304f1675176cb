"""Works through a planned grid in the processes of a pool; the same call continues.

What is done is known from the folders of the runs alone, so that nothing is lost or trained twice,
however the process ends. A run that was interrupted continues from its last checkpoint. With a
cluster, the folder must be on a file system that all machines share.
"""

import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.errors import InputError, RunError, UsageError
from aira_dsl.jobs.pool import Failure, Job, Needs, Outcome, Pool
from aira_dsl.pretraining.result import TrainResult
from aira_dsl.scaling.grid.folder import RUNS, TUNING_TABLE
from aira_dsl.scaling.grid.needs import GRACE, needs_of
from aira_dsl.scaling.grid.plan import Plan, PlannedRun, settings_of
from aira_dsl.scaling.grid.results import (
    losses_of,
    read_results,
    tuning_table,
    write_runs,
)
from aira_dsl.scaling.grid.tuning import Assigned, added_runs, next_run
from aira_dsl.utils.files import reporting, write_atomically
from aira_dsl.utils.locking import acquire

WORKER = "aira_dsl.pretraining.worker:run"
IN_USE = "E1505"
"""Code of a run folder in use: a worker whose parent was killed writes its last checkpoint."""
PATIENCE = GRACE + 10.0
CHECKPOINTS = "checkpoints"
_LOCK = ".lock"


@dataclass(frozen=True)
class Finished:
    """A run that has just ended.

    Attributes:
        run: the run.
        result: its result; None if it failed.
        failure: why; None if it did not fail.
        results: all results so far.
        total: number of runs that are known to be needed.
    """

    run: PlannedRun
    result: TrainResult | None
    failure: Failure | None
    results: dict[str, TrainResult]
    total: int


OnFinished = Callable[[Finished], None]


def run_grid(
    plan: Plan,
    folder: Path,
    pool: Pool,
    *,
    worker: str = WORKER,
    on_finished: OnFinished = lambda finished: None,
) -> dict[str, TrainResult]:
    """Train all runs of a plan that are not done, and return the results of all.

    The tables of the folder are written after every run.

    Args:
        plan: the plan.
        folder: the folder of the grid.
        pool: where runs are trained; the caller closes it.
        worker: the worker function, for tests.
        on_finished: called after every run.

    Raises:
        InputError: E1607 or E1609, a run's folder is damaged or of another run; E1608, another
            process works in the folder; E1611, the data have changed; any error of a training
            about its input.
        RunError: E1610, runs failed; the others are done. E0602, E1903 or E1904, no process can be
            started here or on the cluster.
    """
    with reporting(f"{folder} cannot be written"):
        (folder / RUNS).mkdir(parents=True, exist_ok=True)
        lock = acquire(folder / _LOCK)
    if lock is None:
        help_text = "wait for it, or plan into another folder with --out"
        raise InputError("E1608", f"another process works in {folder}", help=help_text)
    with lock:
        _check_data(plan)
        session = _Session(plan, folder, pool, worker, on_finished, read_results(plan, folder))
        session.write_tables()
        session.work()
    if session.failed:
        place = {run.id: place for place, run in enumerate(plan.runs)}
        name = min(session.failed, key=lambda each: place.get(each, len(place)))
        failure = session.failed[name]
        raise RunError(
            "E1610",
            f"{len(session.failed)} of {len(plan.runs)} runs failed; {name}: {failure.message}",
            help="the same command tries them again",
        )
    return session.results


def _check_data(plan: Plan) -> None:
    """Raise InputError E1611 if the data are not those of the plan."""
    known = plan.corpus
    found = prepare(known.paths, tokenizer=known.tokenizer, validation=plan.grid.validation)
    if found.identity != known.identity:
        raise InputError(
            "E1611",
            "the data have changed since the grid was planned",
            help="restore them, or plan again into another folder",
        )


@dataclass(frozen=True)
class _Running:
    """A run that was started, and when it was first tried."""

    run: PlannedRun
    since: float


@dataclass
class _Session:
    """One call of `run_grid`."""

    plan: Plan
    folder: Path
    pool: Pool
    worker: str
    on_finished: OnFinished
    results: dict[str, TrainResult]
    failed: dict[str, Failure] = field(default_factory=dict)
    running: dict[int, _Running] = field(default_factory=dict)
    held: dict[str, float] = field(default_factory=dict)
    started: int = 0

    @cached_property
    def needs(self) -> Needs:
        """What each run needs."""
        return needs_of(self.plan)

    def work(self) -> None:
        """Train until nothing is left that can be trained."""
        while True:
            self._fill()
            if self.running:
                for outcome in self.pool.collect(timeout=1.0):
                    self._end(outcome)
            elif self.held:
                time.sleep(1.0)
            else:
                return

    def _fill(self) -> None:
        """Start runs while there is room; those whose folder was in use are tried again."""
        held, self.held = self.held, {}
        while self.pool.free and (assigned := self._next()) is not None:
            self._submit(assigned, held.get(assigned.run.id, time.monotonic()))

    def write_tables(self) -> None:
        """Write what is known so far."""
        write_runs(self.plan, self.folder, self.results)
        if len(self.plan.grid.learning_rates) > 1:
            write_atomically(self.folder / TUNING_TABLE, tuning_table(self.plan, self.results))

    def _next(self) -> Assigned | None:
        busy = {each.run.id for each in self.running.values()} | self.failed.keys()
        return next_run(self.plan, losses_of(self.results), busy | self.held.keys())

    def _submit(self, assigned: Assigned, since: float) -> None:
        settings = settings_of(self.plan, *assigned)
        out = (self.folder / RUNS / assigned.run.id).resolve()
        payload = {"settings": settings.model_dump(mode="json"), "out": str(out)}
        self.pool.submit(self.started, Job(self.worker, payload, self.needs))
        self.running[self.started] = _Running(assigned.run, since)
        self.started += 1

    def _end(self, outcome: Outcome) -> None:
        ended = self.running.pop(outcome.tag)
        error = outcome.failure.error if outcome.failure is not None else None
        if error is not None and error.code == IN_USE and time.monotonic() < ended.since + PATIENCE:
            self.held[ended.run.id] = ended.since
            return
        if error is not None and (
            isinstance(error, InputError | UsageError)
            or (outcome.failure is not None and outcome.failure.reason == "not started")
        ):
            raise error  # the others would fail alike
        result = None
        if outcome.failure is not None:
            self.failed[ended.run.id] = outcome.failure
        else:
            result = TrainResult.model_validate(outcome.value)
            if result.status == "stopped":
                return  # its process was told to end; it is started again
            self.results[ended.run.id] = result
            if result.status == "ok":
                shutil.rmtree(self.folder / RUNS / ended.run.id / CHECKPOINTS, ignore_errors=True)
            self.write_tables()
        known = len(self.plan.runs) + len(added_runs(self.plan, losses_of(self.results)))
        done = Finished(ended.run, result, outcome.failure, self.results, known)
        self.on_finished(done)
