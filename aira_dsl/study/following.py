"""Looking at a growing list of trials without reading it from the start each time."""

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial


class Following:
    """Returns each trial of a growing list once: when it is finished.

    Attributes:
        count: number of trials of the list that was last looked at.
        running: numbers of the trials among them that were not finished.
    """

    def __init__(self) -> None:
        self.count = 0
        self.running: list[int] = []

    def finished(self, trials: Sequence[FrozenTrial]) -> list[FrozenTrial]:
        """Return the trials that were finished since the last call, in order of their numbers.

        Args:
            trials: all trials; the list of the last call, with more of them or more finished.
        """
        open_ = [*self.running, *range(self.count, len(trials))]
        done = [trials[number] for number in open_ if trials[number].state.is_finished()]
        self.running = [number for number in open_ if not trials[number].state.is_finished()]
        self.count = len(trials)
        return done


def task_scores(trial: FrozenTrial) -> list[float]:
    """Return the token accuracies of the tasks that a trial has finished."""
    evaluation: dict[str, Any] = trial.user_attrs.get("evaluation", {})
    return [task["token_accuracy"] for task in evaluation.get("tasks", ())]
