"""Evaluations in other processes: a pool of jobs in terms of architectures and evaluations."""

from dataclasses import dataclass

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.result import Evaluation, ShouldContinue, SplitName, Status, TaskScore
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Failure, Needs, Outcome, Pool

MEMORY_LIMIT = 4 << 30  # bytes; far above what any arrangement of the presets needs

_STATUS: dict[str, Status] = {
    "exception": "crashed",
    "crashed": "crashed",
    "out of memory": "out of memory",
    "over time": "over time",
}


@dataclass(frozen=True)
class EvaluationRequest:
    """One evaluation.

    Attributes:
        evaluator: its settings decide the numbers; its store keeps the result.
        architecture: what to evaluate.
        seed: of data, initialisation and order.
        split: what to score.
    """

    evaluator: Evaluator
    architecture: Architecture
    seed: int
    split: SplitName = "validation"

    def recall(self) -> Evaluation | None:
        """Return the result if the store already holds it."""
        return self.evaluator.recall(self.architecture, self.seed, self.split)


class EvaluationPool:
    """Evaluates several candidates at a time; results go to the stores of their evaluators.

    Args:
        workers: number of evaluation processes, one thread each.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.
        pool: runs the jobs; None for processes on this machine.
    """

    def __init__(
        self,
        *,
        workers: int,
        time_limit: float,
        memory_limit: int = MEMORY_LIMIT,
        pool: Pool | None = None,
    ) -> None:
        self._pool = LocalPool(workers) if pool is None else pool
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
        gpus = int(request.evaluator.settings.device == "cuda")
        needs = Needs(gpus=gpus, memory=self._memory_limit, seconds=self._time_limit)
        job = request.evaluator.job(request.architecture, request.seed, request.split, needs)
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
            evaluation = Evaluation.model_validate(outcome.value)
        else:
            evaluation = self._failed(request, outcome.failure)
        request.evaluator.remember(request.architecture, evaluation)
        return evaluation

    def _failed(self, request: EvaluationRequest, failure: Failure) -> Evaluation:
        if failure.error is not None:
            raise failure.error
        return Evaluation(
            fingerprint=request.architecture.fingerprint,
            seed=request.seed,
            split=request.split,
            status=_STATUS[failure.reason],
            score=None,
            seconds=self._time_limit if failure.reason == "over time" else 0.0,
            message=failure.message,
        )


def _has_error(outcome: Outcome) -> bool:
    return outcome.failure is not None and outcome.failure.error is not None
