"""Early stopping: the rule of Optuna's `PercentilePruner`, over the task scores so far.

A candidate is checked after its second and each further task, but not after its last one. It is
stopped if the mean of its validation scores so far is among the worst share of the means that all
trials had after as many tasks. The first trials are never stopped. A stopped trial is charged to
the budget like any other.

`PercentilePruner` itself reads all trials for every answer; the same percentile is taken here from
sorted values that are kept.
"""

from bisect import insort
from collections import defaultdict
from collections.abc import Sequence
from itertools import accumulate

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.study.following import Following, task_scores

STARTUP_TRIALS = 10
FIRST_CHECK = 2  # tasks; one alone is too noisy (docs/proxy.md)


class Pruner:
    """Decides which candidates are stopped early.

    Args:
        share: fraction of the trials, the worst ones, that are stopped; 0 disables pruning.
        direction: which way scores get better.
    """

    def __init__(self, share: float, direction: Direction) -> None:
        self._share = share
        self._direction = direction
        self._trials = Following()
        self._completed = 0
        self._means: dict[int, list[float]] = defaultdict(list)

    def follow(self, trials: Sequence[FrozenTrial]) -> None:
        """Take account of the trials that were finished since the last call."""
        for trial in self._trials.finished(trials):
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED):
                self._completed += 1
                for tasks, mean in running_means(task_scores(trial)).items():
                    insort(self._means[tasks], mean)

    def should_prune(self, tasks: Sequence[TaskScore]) -> bool:
        """Return whether a candidate with these scores so far is stopped."""
        known = self._means.get(len(tasks), [])
        too_early = len(tasks) < FIRST_CHECK or self._completed < STARTUP_TRIALS
        if self._share == 0 or too_early or not known:
            return False
        value = running_means([task.token_accuracy for task in tasks])[len(tasks)]
        kept = 100 * (1 - self._share)
        percentile = 100 - kept if self._direction is Direction.MAXIMIZE else kept
        return self._direction.better(_percentile(known, percentile), value)


def _percentile(ordered: Sequence[float], percentage: float) -> float:
    """Return a percentile of sorted values, rounded as `numpy.percentile` rounds it."""
    place = (len(ordered) - 1) * (percentage / 100)
    low = int(place)
    a, b, t = ordered[low], ordered[min(low + 1, len(ordered) - 1)], place - low
    return b - (b - a) * (1 - t) if t >= 0.5 else a + (b - a) * t


def running_means(scores: Sequence[float]) -> dict[int, float]:
    """Return the mean of the first k scores, by k."""
    return {k: total / k for k, total in enumerate(accumulate(scores), 1)}


def cut_short(evaluation: Evaluation, tasks: int) -> Evaluation:
    """Return an evaluation as it would have been, had it been stopped after so many tasks."""
    done = evaluation.tasks[:tasks]
    return evaluation.model_copy(
        update={
            "status": "pruned",
            "score": None,
            "tasks": done,
            "seconds": sum(task.seconds for task in done),
            "message": f"stopped after {tasks} tasks",
        }
    )
