"""Evaluations in other processes: a pool of jobs in terms of requests and evaluations."""

from typing import Any, Protocol

from aira_dsl.evaluation.result import Evaluation, ShouldContinue, SplitName, Status, TaskScore
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Failure, Job, Needs, Outcome, Pool

MEMORY_LIMIT = 4 << 30  # bytes; far above what any arrangement of the presets needs

_STATUS: dict[str, Status] = {
    "exception": "crashed",
    "crashed": "crashed",
    "out of memory": "out of memory",
    "over time": "over time",
}


class EvaluationRequest(Protocol):
    """One evaluation: what runs, and where its result is kept."""

    @property
    def fingerprint(self) -> str:
        """Identity of the candidate."""

    @property
    def seed(self) -> int:
        """Seed of the evaluation."""

    @property
    def split(self) -> SplitName:
        """What to score."""

    def recall(self) -> Evaluation | None:
        """Return the result if a store already holds it."""

    def job(self, needs: Needs) -> Job:
        """Return the work for another process.

        Args:
            needs: memory and seconds; the request adds CPUs and GPUs.
        """

    def read(self, value: Any) -> Evaluation:
        """Return the evaluation in what the job returned.

        Raises:
            ValueError: it is not an evaluation.
        """

    def remember(self, evaluation: Evaluation) -> None:
        """Keep a result, a failure included, unless it depends on this machine's limits."""


class EvaluationPool:
    """Evaluates several candidates at a time; results go to the stores of their requests.

    Args:
        workers: number of evaluation processes, one thread each; None for as many as there is
            room for.
        ray: address of a Ray cluster that evaluates; None for this machine.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.
        pool: runs the jobs, instead of one made from `workers` and `ray`.

    Raises:
        UsageError: E1901, E1902, if there is no such cluster.
    """

    def __init__(
        self,
        *,
        workers: int | None,
        ray: str | None = None,
        time_limit: float,
        memory_limit: int = MEMORY_LIMIT,
        pool: Pool | None = None,
    ) -> None:
        self._pool = pool or PoolChoice(workers, ray).open(Needs(memory=memory_limit))
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        self._requests: dict[int, EvaluationRequest] = {}

    @property
    def free(self) -> int:
        """Number of evaluations that can be submitted now."""
        return self._pool.free

    @property
    def running(self) -> list[int]:
        """Tags of the evaluations that were submitted and not yet collected."""
        return self._pool.running

    def submit(
        self, tag: int, request: EvaluationRequest, *, should_continue: ShouldContinue | None = None
    ) -> None:
        """Start an evaluation; `free` must be above 0.

        Args:
            tag: the caller's number of the evaluation.
            request: what to evaluate; its store is not asked.
            should_continue: called after every task but the last; None to finish all tasks.
        """
        job = request.job(Needs(memory=self._memory_limit, seconds=self._time_limit))
        self._requests[tag] = request
        if should_continue is None:
            self._pool.submit(tag, job)
            return

        def decide(tasks: list[dict[str, object]]) -> bool:
            return should_continue([TaskScore.model_validate(task) for task in tasks])

        self._pool.submit(tag, job, should_continue=decide)

    def collect(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Wait until something happens, at most `timeout` seconds; return finished evaluations.

        Raises:
            AiraError: if the data or the settings are wrong, so that no candidate can succeed.
            RunError: E0602, if no process can be started.
        """
        outcomes = self._pool.collect(timeout)
        outcomes.sort(key=_has_error)  # an error must not lose what is finished
        return [(outcome.tag, self._finish(outcome)) for outcome in outcomes]

    def close(self) -> None:
        """End all processes; evaluations that are running are lost."""
        self._pool.close()

    def _finish(self, outcome: Outcome) -> Evaluation:
        request = self._requests.pop(outcome.tag)
        if outcome.failure is None:
            evaluation = request.read(outcome.value)
        else:
            evaluation = self._failed(request, outcome.failure)
        request.remember(evaluation)
        return evaluation

    def _failed(self, request: EvaluationRequest, failure: Failure) -> Evaluation:
        if failure.error is not None:
            raise failure.error
        return Evaluation(
            fingerprint=request.fingerprint,
            seed=request.seed,
            split=request.split,
            status=_STATUS[failure.reason],
            score=None,
            seconds=self._time_limit if failure.reason == "over time" else 0.0,
            message=failure.message,
        )


def _has_error(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.error is not None
