"""The journal's trials as a study in memory, in which samplers and pruners look around.

A trial there is what they need to know and no more: Optuna copies what it is given, and results are
large. A trial that was stopped early has no score; for every sampler alike it counts as the worst
that finished. After each task a trial has an intermediate value: its mean score so far.
"""

import copy
from collections.abc import Sequence
from itertools import accumulate

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.optuna_logging import quiet_optuna


def replica(
    trials: Sequence[FrozenTrial],
    slots: dict[str, BaseDistribution],
    *,
    direction: Direction,
    sampler: BaseSampler,
) -> optuna.Study:
    """Return a study in memory that holds the trials, all with the distributions of `slots`."""
    with quiet_optuna():
        study = optuna.create_study(direction=StudyDirection[direction.name], sampler=sampler)
    scores = [trial.values[0] for trial in trials if trial.state == TrialState.COMPLETE]
    worst = direction.worst(scores)
    for trial in trials:
        lean = copy.copy(trial)
        lean.user_attrs, lean.distributions = {}, slots
        lean.intermediate_values = running_means(task_scores(trial))
        if trial.state == TrialState.PRUNED:
            lean.state, lean.value = TrialState.COMPLETE, worst
        study.add_trial(lean)
    return study


def task_scores(trial: FrozenTrial) -> list[float]:
    """Return the token accuracies of the tasks that a trial has finished."""
    evaluation = trial.user_attrs.get("evaluation", {})
    return [task["token_accuracy"] for task in evaluation.get("tasks", ())]


def running_means(scores: Sequence[float]) -> dict[int, float]:
    """Return the mean of the first k scores, by k."""
    return {k: total / k for k, total in enumerate(accumulate(scores), 1)}
