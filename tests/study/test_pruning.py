"""Which candidates are stopped early, and what samplers see of them."""

import random
from collections.abc import Sequence

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.pruners import PercentilePruner
from optuna.study import StudyDirection
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.study.following import task_scores
from aira_dsl.study.pruning import STARTUP_TRIALS, Pruner, cut_short, running_means
from aira_dsl.study.samplers.replica import Replica

SLOTS = {"slot_000": CategoricalDistribution(("A", "M"))}
REST = {"macro_accuracy": 0.0, "bits_per_token": 1.0, "training_loss": 1.0}
NAMES = ("in-context-recall", "memorization", "selective-copying")


def tasks(*scores: float) -> list[TaskScore]:
    return [
        TaskScore(task=name, token_accuracy=score, seconds=2.0, **REST)
        for name, score in zip(NAMES, scores, strict=False)
    ]


def trial(*scores: float) -> FrozenTrial:
    """A trial of three tasks; with fewer scores it was stopped."""
    whole = len(scores) == len(NAMES)
    evaluation = {"tasks": [task.model_dump() for task in tasks(*scores)]}
    return create_trial(
        state=TrialState.COMPLETE if whole else TrialState.PRUNED,
        value=sum(scores) / len(scores) if whole else None,
        params={"slot_000": "A"},
        distributions=SLOTS,
        user_attrs={"evaluation": evaluation},
    )


OTHERS = [trial(0.9 - place / 20, 0.5 + place / 100, 0.5) for place in range(12)]


def should_prune(
    others: Sequence[FrozenTrial], *scores: float, share: float, direction: Direction
) -> bool:
    pruner = Pruner(share, direction)
    pruner.follow(others)
    return pruner.should_prune(tasks(*scores))


def in_the_worst(share: float, *scores: float) -> bool:
    return should_prune(OTHERS, *scores, share=share, direction=Direction.MAXIMIZE)


def test_the_worst_share_should_prune() -> None:
    assert in_the_worst(0.25, 0.1, 0.5)
    assert not in_the_worst(0.25, 0.7, 0.5)
    assert not in_the_worst(0.25, 0.1)  # one task says too little
    assert not in_the_worst(0.0, 0.1, 0.5)
    assert in_the_worst(0.9, 0.55, 0.5)
    # A good first task does not make up for a bad mean.
    assert in_the_worst(0.25, 0.6, 0.0)


def test_lower_is_better_for_bits() -> None:
    assert should_prune(OTHERS, 0.99, 0.9, share=0.25, direction=Direction.MINIMIZE)
    assert not should_prune(OTHERS, 0.1, 0.1, share=0.25, direction=Direction.MINIMIZE)


def test_the_first_trials_are_never_stopped() -> None:
    few = OTHERS[: STARTUP_TRIALS - 1]
    assert not should_prune(few, 0.0, 0.0, share=0.5, direction=Direction.MAXIMIZE)


def test_stopped_trials_count_when_others_are_checked() -> None:
    """Else each stopped candidate would raise the bar for the next one."""
    stopped = [trial(0.1, 0.1) for _ in range(6)]
    assert should_prune(OTHERS, 0.30, 0.60, share=0.25, direction=Direction.MAXIMIZE)
    assert not should_prune(OTHERS + stopped, 0.30, 0.60, share=0.25, direction=Direction.MAXIMIZE)


@pytest.mark.parametrize("direction", Direction)
@pytest.mark.parametrize("share", [0.1, 0.25, 0.5, 2 / 3])
def test_the_rule_is_that_of_the_percentile_pruner(direction: Direction, share: float) -> None:
    rng = random.Random(0)
    others = [trial(*(rng.random() for _ in NAMES)) for _ in range(40)]
    study = optuna.create_study(direction=StudyDirection[direction.name])
    for other in others:
        means = running_means(task_scores(other))
        study.add_trial(create_trial(value=0.0, intermediate_values=means))
    theirs = PercentilePruner(100 * (1 - share), n_startup_trials=STARTUP_TRIALS, n_warmup_steps=2)
    decisions = []
    for _ in range(30):
        scores = rng.random(), rng.random()
        asking = create_trial(state=TrialState.RUNNING, intermediate_values={2: sum(scores) / 2})
        decisions.append(should_prune(others, *scores, share=share, direction=direction))
        assert decisions[-1] == theirs.prune(study, asking)
    assert len(set(decisions)) == 2


def test_trials_count_once_however_often_the_pruner_follows() -> None:
    pruner = Pruner(0.25, Direction.MAXIMIZE)
    for count in range(len(OTHERS) + 1):
        pruner.follow(OTHERS[:count])
        assert pruner.should_prune(tasks(0.0, 0.0)) == (count >= STARTUP_TRIALS)


@pytest.mark.parametrize(
    ("direction", "worst"), [(Direction.MAXIMIZE, 0.2), (Direction.MINIMIZE, 0.8)]
)
def test_samplers_see_the_stopped_as_the_worst(direction: Direction, worst: float) -> None:
    trials = numbered(trial(0.8, 0.8, 0.8), trial(0.2, 0.2, 0.2), trial(0.9, 0.9))
    replica = Replica(SLOTS, direction)
    replica.follow(trials)
    found = replica.study().get_trials(deepcopy=False)
    assert [each.state for each in found] == [TrialState.COMPLETE] * 3
    assert found[2].value == pytest.approx(worst)
    assert all(not each.user_attrs for each in found)
    assert trials[2].state == TrialState.PRUNED  # the journal's own is left alone
    replica.follow([*trials, *numbered(trial(0.0, 0.1, 0.2), trial(1.0, 1.0, 0.9), first=3)])
    values = [each.value for each in replica.study().get_trials(deepcopy=False)]
    completed = [value for value in values[:2] + values[3:] if value is not None]
    assert values[2] == direction.worst(completed)


def numbered(*trials: FrozenTrial, first: int = 0) -> list[FrozenTrial]:
    for number, each in enumerate(trials, first):
        each.number = number
    return list(trials)


def test_a_cached_result_is_cut_where_it_would_have_been_stopped() -> None:
    whole = Evaluation(
        fingerprint="f", seed=0, split="validation", status="ok", score=0.5,
        tasks=tuple(tasks(0.5, 0.5, 0.5)), seconds=6.5,
    )  # fmt: skip
    cut = cut_short(whole, 2)
    assert (cut.status, cut.score, len(cut.tasks), cut.seconds) == ("pruned", None, 2, 4.0)
    assert cut.message == "stopped after 2 tasks"
