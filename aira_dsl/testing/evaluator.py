"""An evaluator with planned scores, to test what is built on evaluations without any training."""

from collections.abc import Callable
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.evaluation.result import Evaluation, ShouldContinue, SplitName, Status, TaskScore
from aira_dsl.evaluation.store import Store
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.testing.workers import evaluate

Plan = Callable[[Architecture, int, SplitName], float | Status]
"""Returns the score of an architecture with a seed on a split, or the status of its failure."""


class PlannedEvaluator(Evaluator):
    """Returns planned scores; its identity, store keys, store and results are the real ones.

    Jobs run in real worker processes, which return the planned result and import no torch.

    Args:
        settings: objective and tasks of the results.
        store: where results are kept; None keeps none.
        plan: decides every score; all tasks of a result have that score.
        seconds: time that every task claims to have taken.
    """

    def __init__(
        self,
        settings: EvaluatorSettings,
        *,
        store: Store | None = None,
        plan: Plan,
        seconds: float = 1.0,
    ) -> None:
        super().__init__(settings, store=store)
        self._plan = plan
        self._seconds = seconds

    def job(self, architecture: Architecture, seed: int, split: SplitName, needs: Needs) -> Job:
        """Return a job whose worker returns the planned result."""
        planned = self._planned(architecture, seed, split)
        return Job("aira_dsl.testing.workers:evaluate", planned, needs)

    def compute(
        self,
        architecture: Architecture,
        seed: int,
        split: SplitName,
        should_continue: ShouldContinue,
    ) -> Evaluation:
        """Return the planned result, pruned where `should_continue` returns False."""

        def decide(tasks: list[dict[str, Any]]) -> bool:
            return should_continue([TaskScore.model_validate(task) for task in tasks])

        planned = self._planned(architecture, seed, split)
        return Evaluation.model_validate(evaluate(planned, decide))

    def _planned(self, architecture: Architecture, seed: int, split: SplitName) -> dict[str, Any]:
        """Return an evaluation in JSON form."""
        outcome = self._plan(architecture, seed, split)
        if isinstance(outcome, str):
            facts: dict[str, Any] = {"status": outcome, "score": None, "message": "planned"}
        else:
            tasks = self._tasks(outcome)
            seconds = self._seconds * len(tasks)
            facts = {"status": "ok", "score": outcome, "tasks": tasks, "seconds": seconds}
        evaluation = Evaluation(
            fingerprint=architecture.fingerprint, seed=seed, split=split, **facts
        )
        return evaluation.model_dump(mode="json")

    def _tasks(self, score: float) -> tuple[TaskScore, ...]:
        return tuple(
            TaskScore(
                task=run.task.name,
                token_accuracy=score if self.settings.objective == "mad" else 0.0,
                macro_accuracy=0.0,
                bits_per_token=score if self.settings.objective == "language" else 0.0,
                training_loss=0.0,
                seconds=self._seconds,
            )
            for run in self.settings.runs
        )
