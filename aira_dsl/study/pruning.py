"""Stop candidates that are hopeless, by Optuna's percentile pruner.

A candidate is looked at after its second, third, … task, but not after its last. It is stopped if
the mean of its validation scores so far is among the worst share of all trials' at that point. The
first trials are never stopped. A stopped trial is charged to the budget like any other.
"""

from collections.abc import Sequence

import optuna
from optuna.distributions import BaseDistribution
from optuna.pruners import PercentilePruner
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.study.replica import replica, running_means

STARTUP_TRIALS = 10
FIRST_LOOK = 2  # tasks; one alone is too noisy (docs/proxy.md)


def hopeless(
    trials: Sequence[FrozenTrial],
    tasks: Sequence[TaskScore],
    *,
    share: float,
    direction: Direction,
) -> bool:
    """Tell whether a candidate with these scores so far should be stopped.

    Args:
        trials: all trials so far; those that are running do not count.
        tasks: what the candidate has finished.
        share: of all trials, how many at most are called hopeless; 0 for none.
        direction: `maximize` or `minimize`.
    """
    if share == 0 or len(tasks) < FIRST_LOOK:
        return False
    others = [trial for trial in trials if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)]
    sampler = optuna.samplers.RandomSampler()
    study = replica(others, _slots(others), direction=direction, sampler=sampler)
    value = running_means([task.token_accuracy for task in tasks])[len(tasks)]
    # Only the latest value: the pruner would take the best one, of whichever task came first.
    asking = create_trial(state=TrialState.RUNNING, intermediate_values={len(tasks): value})
    pruner = PercentilePruner(
        100 * (1 - share), n_startup_trials=STARTUP_TRIALS, n_warmup_steps=FIRST_LOOK
    )
    return bool(pruner.prune(study, asking))


def _slots(trials: Sequence[FrozenTrial]) -> dict[str, BaseDistribution]:
    return trials[0].distributions if trials else {}


def cut_short(evaluation: Evaluation, tasks: int) -> Evaluation:
    """Return what an evaluation would have been, had it been stopped after so many tasks."""
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
