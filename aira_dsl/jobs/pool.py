"""The protocol of a pool: jobs go in, outcomes come out, failures are values.

A job names its worker function and carries a JSON value, so that a pool may run it in a process on
this machine or on another one. A pool is driven by one thread, which calls `submit` and `collect`.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from aira_dsl.errors import AiraError, RunError

ShouldContinue = Callable[[Any], bool]
"""Called with what a running job reports; returns whether the job should continue."""

WorkerFunction = Callable[[Any, ShouldContinue], Any]
"""A worker function: takes the payload of a job and a function that reports an intermediate result
and returns whether to continue; returns a JSON value."""


class LastValue(Exception):
    """Raised by a worker function to return a value and to have its process replaced.

    For a process whose memory cannot be trusted any more, although the job has a result.
    """

    def __init__(self, value: Any) -> None:
        super().__init__()
        self.value = value


@dataclass(frozen=True)
class Needs:
    """Resources of a job.

    Attributes:
        cpus: threads that numeric libraries use.
        gpus: GPUs; with 0 the job sees none.
        memory: bytes that the job may allocate, and that a node of a cluster sets aside for it;
            None for no limit. Not enforced with GPUs, whose drivers reserve address space that
            would count.
        reserve: bytes that a node of a cluster sets aside for a job without a limit.
        seconds: time limit, counted from the moment when the process is ready; None for no limit.
        grace: seconds that the job gets to end by itself after SIGTERM, when the pool closes or its
            owner dies; 0 to be killed at once.
    """

    cpus: int = 1
    gpus: int = 0
    memory: int | None = None
    reserve: int = 0
    seconds: float | None = None
    grace: float = 0.0

    @property
    def node_memory(self) -> int:
        """Bytes that a node of a cluster sets aside for the job."""
        return self.reserve if self.memory is None else self.memory


@dataclass(frozen=True)
class Job:
    """Work for a process.

    Attributes:
        worker: import path of a `WorkerFunction`, such as `package.module:function`.
        payload: what the function gets; a JSON value.
        needs: resources.
        trusted: whether the process may read API keys and passwords from its environment.
    """

    worker: str
    payload: Any
    needs: Needs = Needs()
    trusted: bool = False


@dataclass(frozen=True)
class Failure:
    """Why a job has no value.

    Attributes:
        reason: `error` if the worker function raised an `AiraError`, `exception` for any other
            exception; `out of memory` and `over time` for the limits of the job; `crashed` if its
            process died several times; `not started` if no process could be started.
        message: one line.
        error: what the worker function raised, or E0602 for `not started`; None for other reasons.
    """

    reason: Literal["error", "exception", "out of memory", "over time", "crashed", "not started"]
    message: str
    error: AiraError | None = None


@dataclass(frozen=True)
class Outcome:
    """The end of a job.

    Attributes:
        tag: the caller's number of the job.
        value: what the worker function returned; None if it failed.
        failure: why it failed, or None.
    """

    tag: int
    value: Any = None
    failure: Failure | None = None

    def result(self, code: str, process: str) -> Any:
        """Return the value; any failure is an error of the caller's.

        Args:
            code: of the error for failures that carry none.
            process: what failed, such as `a benchmark process`.

        Raises:
            AiraError: the error of the failure, or a RunError with the code.
        """
        if self.failure is None:
            return self.value
        if self.failure.error is not None:
            raise self.failure.error
        raise RunError(code, f"{process} failed: {self.failure.message}")


class Pool(Protocol):
    """Runs jobs in other processes."""

    @property
    def free(self) -> int:
        """Number of jobs that can be submitted now."""

    @property
    def running(self) -> list[int]:
        """Tags of the jobs that were submitted and not yet collected."""

    def submit(self, tag: int, job: Job, *, should_continue: ShouldContinue | None = None) -> None:
        """Start a job; `free` must be above 0.

        Args:
            tag: the caller's number of the job, returned with its outcome.
            job: what to do.
            should_continue: called by `collect` with every intermediate result of the job; None to
                let it run to its end.
        """

    def collect(self, timeout: float) -> list[Outcome]:
        """Wait until something happens, at most `timeout` seconds; return the jobs that ended."""

    def close(self) -> None:
        """End all processes and wait for them; jobs that are running are lost."""


def run_all(jobs: Sequence[Job], pool: Pool) -> Iterator[Outcome]:
    """Yield the outcomes of jobs as they end; the tag of an outcome is the place of its job.

    Args:
        jobs: what to do; started in this order, as many at a time as the pool takes.
        pool: where; nothing else may run in it.
    """
    waiting = list(range(len(jobs)))
    while waiting or pool.running:
        while waiting and pool.free:
            tag = waiting.pop(0)
            pool.submit(tag, jobs[tag])
        yield from pool.collect(timeout=1.0)
