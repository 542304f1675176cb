"""Who is hopeless, and what samplers see of those who were stopped."""

import optuna
import pytest
from optuna.distributions import CategoricalDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.study.pruning import STARTUP_TRIALS, cut_short, hopeless
from aira_dsl.study.replica import replica

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


def test_the_worst_share_is_hopeless() -> None:
    def verdict(*scores: float, share: float = 0.25) -> bool:
        return hopeless(OTHERS, tasks(*scores), share=share, direction=Direction.MAXIMIZE)

    assert verdict(0.1, 0.5)
    assert not verdict(0.7, 0.5)
    assert not verdict(0.1)  # one task says too little
    assert not verdict(0.1, 0.5, share=0.0)
    assert verdict(0.55, 0.5, share=0.9)
    # A good first task does not make up for a bad mean.
    assert verdict(0.6, 0.0)


def test_lower_is_better_for_bits() -> None:
    assert hopeless(OTHERS, tasks(0.99, 0.9), share=0.25, direction=Direction.MINIMIZE)
    assert not hopeless(OTHERS, tasks(0.1, 0.1), share=0.25, direction=Direction.MINIMIZE)


def test_the_first_trials_are_never_stopped() -> None:
    few = OTHERS[: STARTUP_TRIALS - 1]
    assert not hopeless(few, tasks(0.0, 0.0), share=0.5, direction=Direction.MAXIMIZE)


def test_who_was_stopped_counts_when_others_are_judged() -> None:
    """Else each stopped candidate would raise the bar for the next one."""
    stopped = [trial(0.1, 0.1) for _ in range(6)]
    bad = tasks(0.30, 0.60)
    assert hopeless(OTHERS, bad, share=0.25, direction=Direction.MAXIMIZE)
    assert not hopeless(OTHERS + stopped, bad, share=0.25, direction=Direction.MAXIMIZE)


@pytest.mark.parametrize(
    ("direction", "worst"), [(Direction.MAXIMIZE, 0.2), (Direction.MINIMIZE, 0.8)]
)
def test_samplers_see_the_stopped_as_the_worst(direction: str, worst: float) -> None:
    trials = [trial(0.8, 0.8, 0.8), trial(0.2, 0.2, 0.2), trial(0.9, 0.9)]
    study = replica(trials, SLOTS, direction=direction, sampler=optuna.samplers.RandomSampler())
    found = study.get_trials(deepcopy=False)
    assert [each.state for each in found] == [TrialState.COMPLETE] * 3
    assert found[2].value == pytest.approx(worst)
    assert found[2].intermediate_values == pytest.approx({1: 0.9, 2: 0.9})
    assert all(not each.user_attrs for each in found)
    assert trials[2].state == TrialState.PRUNED  # the journal's own is left alone


def test_what_is_known_is_cut_where_it_would_have_been() -> None:
    whole = Evaluation(
        fingerprint="f", seed=0, split="validation", status="ok", score=0.5,
        tasks=tuple(tasks(0.5, 0.5, 0.5)), seconds=6.5,
    )  # fmt: skip
    cut = cut_short(whole, 2)
    assert (cut.status, cut.score, len(cut.tasks), cut.seconds) == ("pruned", None, 2, 4.0)
    assert cut.message == "stopped after 2 tasks"
