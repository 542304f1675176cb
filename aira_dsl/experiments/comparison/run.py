"""Searches of a comparison in other processes: each is an `aira-dsl search` that anyone can type.

Nothing is held here that a killed process would lose: every search continues by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.errors import RunError
from aira_dsl.jobs.pool import Job, Needs, Outcome, Pool
from aira_dsl.jobs.pool import run_all as run_jobs
from aira_dsl.study.options import SearchOptions

GRACE = 30.0  # seconds in which an interrupted search releases its trials
_NO_BEST = 3  # exit code of a search in which every candidate failed: a result, not an error


@dataclass(frozen=True)
class SearchJob:
    """A search to be run.

    Attributes:
        name: of the search in the comparison.
        space: file of the searched space; None for the evaluator's own.
        options: options of the search.
        log: file to which its output is appended.
    """

    name: str
    space: Path | None
    options: SearchOptions
    log: Path


def run_searches(
    searches: Sequence[SearchJob],
    pool: Pool,
    *,
    gpus: int,
    on_finished: Callable[[SearchJob], None],
) -> None:
    """Run searches in their order, as many at a time as the pool takes; close the pool.

    Whatever ends this early, an interruption or a search that fails, interrupts those in flight.

    Args:
        searches: what to run.
        pool: where.
        gpus: GPUs of each search.
        on_finished: called with every search that is done.

    Raises:
        RunError: E0829, if a search fails; with its error.
    """
    with closing(pool):
        for outcome in run_jobs([_job(search, gpus) for search in searches], pool):
            _check(searches[outcome.tag], outcome)
            on_finished(searches[outcome.tag])


def _job(search: SearchJob, gpus: int) -> Job:
    return Job(
        worker="aira_dsl.experiments.comparison.child:search",
        payload={
            "space": None if search.space is None else str(search.space),
            "options": search.options.model_dump(mode="json"),
            "log": str(search.log),
        },
        needs=Needs(gpus=gpus, grace=GRACE),
        trusted=True,  # agents read their keys, searches the password of their database
    )


def _check(search: SearchJob, outcome: Outcome) -> None:
    failure = outcome.failure
    if failure is None and outcome.value in (0, _NO_BEST):
        return
    if failure is None:
        reason = f"exit code {outcome.value}"
    else:
        reason = str(failure.error) if failure.error is not None else failure.message
    raise RunError(
        "E0829",
        f"the search {search.name} failed: {reason}",
        help=f"see {search.log}; finished searches are kept, the same command continues",
    )
