"""Runs of a comparison in other processes: each is a command of `aira-dsl` that anyone can type.

Nothing is held here that a killed process would lose: every run continues by itself.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.errors import RunError
from aira_dsl.jobs.pool import Job, Needs, Outcome, Pool
from aira_dsl.jobs.pool import run_all as run_jobs

GRACE = 30.0  # seconds in which an interrupted run releases its trials
_NO_BEST = 3  # exit code of a run in which every candidate failed: a result, not an error


@dataclass(frozen=True)
class Command:
    """A run of a comparison, as a command of `aira-dsl`.

    Attributes:
        name: name of the run in the comparison.
        arguments: arguments of the command line.
        log: file to which its output is appended.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path


def run_commands(
    commands: Sequence[Command],
    pool: Pool,
    *,
    gpus: int,
    on_finished: Callable[[Command], None],
) -> None:
    """Run commands in their order, as many at a time as the pool takes; close the pool.

    Whatever ends this early, an interruption or a run that fails, interrupts those in flight.

    Args:
        commands: what to run.
        pool: where.
        gpus: GPUs of each run.
        on_finished: called with every command that is done.

    Raises:
        RunError: E0829, if a run fails; with its error.
    """
    with closing(pool):
        for outcome in run_jobs([_job(command, gpus) for command in commands], pool):
            _check(commands[outcome.tag], outcome)
            on_finished(commands[outcome.tag])


def _job(command: Command, gpus: int) -> Job:
    return Job(
        worker="aira_dsl.experiments.comparison.child:run_command",
        payload={"arguments": command.arguments, "log": str(command.log)},
        needs=Needs(gpus=gpus, grace=GRACE),
        trusted=True,  # agents read their keys, searches the password of their database
    )


def _check(command: Command, outcome: Outcome) -> None:
    failure = outcome.failure
    if failure is None and outcome.value in (0, _NO_BEST):
        return
    if failure is None:
        reason = f"exit code {outcome.value}"
    else:
        reason = str(failure.error) if failure.error is not None else failure.message
    raise RunError(
        "E0829",
        f"the run {command.name} failed: {reason}",
        help=f"see {command.log}; finished runs are kept, the same command continues",
    )
