"""The contract of tasks for every task of the package, and what each one refuses."""

from typing import get_args

import numpy as np
import pytest
from pydantic import BaseModel, TypeAdapter, ValidationError

from aira_dsl.data.task import TaskSettings
from aira_dsl.data.tasks import (
    IGNORE,
    TASKS,
    Compression,
    FuzzyInContextRecall,
    LanguageTask,
    Memorization,
    SelectiveCopying,
    SplitSizes,
    Task,
    make_splits,
)
from aira_dsl.errors import InputError
from aira_dsl.testing.tasks import TaskContract

EVERY: list[TaskSettings] = [*(task() for task in TASKS.values()), LanguageTask(length=64)]
SIZES = SplitSizes(train=60, validation=20, test=30)

every_task = pytest.mark.parametrize("task", EVERY, ids=lambda task: task.name)


def contract(task: TaskSettings) -> type[TaskContract]:
    """Return the contract suite of one task, as a class that pytest collects."""
    return type(f"Test{type(task).__name__}", (TaskContract,), {"task": task})


globals().update({suite.__name__: suite for suite in map(contract, EVERY)})


def test_every_task_has_a_suite() -> None:
    assert {f"Test{type(task).__name__}" for task in EVERY} <= globals().keys()
    listed = {each.__name__ for each in get_args(get_args(Task)[0])}
    missing = {type(task).__name__ for task in EVERY} - listed
    assert not missing, f"add to the union Task in aira_dsl/data/tasks.py: {sorted(missing)}"


@every_task
def test_settings_are_frozen_strict_and_round_trip(task: TaskSettings) -> None:
    assert TypeAdapter(Task).validate_json(task.model_dump_json()) == task
    with pytest.raises(ValidationError):
        task.length = 10
    for wrong in ({"lenght": 10}, {"length": 10.5}, {"length": "16"}, {"length": 0}, {"vocab": -1}):
        with pytest.raises(ValidationError):
            type(task)(**wrong)


@pytest.mark.parametrize("name", TASKS)
def test_names_and_registry_agree(name: str) -> None:
    assert TASKS[name]().name == name
    with pytest.raises(ValidationError):
        TASKS[name](name="something-else")


def test_defaults_are_mads_baselines() -> None:
    baselines = {
        "in-context-recall": {"vocab": 16, "length": 128},
        "noisy-in-context-recall": {
            "vocab": 32,
            "length": 128,
            "noise_vocab": 16,
            "noise_fraction": 0.2,
        },
        "fuzzy-in-context-recall": {"vocab": 16, "length": 128, "key_motif": 3, "value_motif": 3},
        "memorization": {"vocab": 256, "length": 32},
        "compression": {"vocab": 16, "length": 32},
        "selective-copying": {"vocab": 16, "length": 256, "copy_tokens": 16},
    }
    found = {name: TASKS[name]().model_dump(exclude={"name"}) for name in baselines}
    assert found == baselines


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("in-context-recall", {"length": 127}, "length must be even and at least 4.*not 127"),
        ("in-context-recall", {"length": 2}, "length must be even and at least 4.*not 2"),
        ("in-context-recall", {"vocab": 3}, "vocab 3 must leave 4 tokens.*leaves 3"),
        ("noisy-in-context-recall", {"noise_vocab": 29}, "noise_vocab 29 must leave 4 tokens"),
        ("noisy-in-context-recall", {"noise_vocab": 0}, "greater than or equal to 1"),
        ("noisy-in-context-recall", {"noise_fraction": 1.0}, "less than 1"),
        ("noisy-in-context-recall", {"noise_fraction": float("nan")}, "less than 1"),
        ("fuzzy-in-context-recall", {"key_motif": 8}, "key_motif 8 needs.*there are 7"),
        ("fuzzy-in-context-recall", {"value_motif": 9}, "value_motif 9 needs.*there are 8"),
        ("fuzzy-in-context-recall", {"length": 12}, "at least 13.*not 12"),
        ("fuzzy-in-context-recall", {"vocab": 65536, "key_motif": 5}, "too long for vocab 65536"),
        ("memorization", {"length": 31}, "length must be even.*not 31"),
        ("memorization", {"vocab": 4}, "vocab must be at least 5.*not 4"),
        ("compression", {"vocab": 2}, "greater than or equal to 3"),
        ("selective-copying", {"length": 33}, "length must be above.*= 33.*not 33"),
        ("selective-copying", {"copy_tokens": 128}, "length must be above.*= 257.*not 256"),
        ("selective-copying", {"vocab": 3}, "vocab must be at least 4.*not 3"),
    ],
)
def test_impossible_settings_say_rule_and_value(
    name: str, settings: dict[str, object], message: str
) -> None:
    with pytest.raises(ValidationError, match=message):
        TASKS[name](**settings)


@pytest.mark.parametrize(
    ("task", "possible"),
    [(Compression(vocab=4, length=4), 27), (Memorization(vocab=5, length=4), 4)],
)
def test_too_few_distinct_examples(task: TaskSettings, possible: int) -> None:
    exact = SplitSizes(train=possible - 2, validation=1, test=1)
    assert len(make_splits(task, exact, 0).train) == possible - 2
    with pytest.raises(InputError) as caught:
        make_splits(task, SplitSizes(train=possible - 1, validation=1, test=1), 0)
    assert caught.value.code == "E0611"
    assert f"{possible - 1} different" in caught.value.message
    assert f"only {possible - 2} are possible" in caught.value.message


def test_train_is_in_training_form_and_the_others_are_not() -> None:
    splits = make_splits(FuzzyInContextRecall(), SIZES, 0)
    assert (splits.train.targets != IGNORE).all()
    assert np.array_equal(splits.train.targets[:, :-1], splits.train.inputs[:, 1:])
    for part in (splits.validation, splits.test):
        assert (part.targets != IGNORE).mean() < 0.5


def test_sizes_beyond_memory_are_refused_before_memory_is_spent() -> None:
    task: BaseModel = SelectiveCopying(length=65_536)
    with pytest.raises(InputError, match=r"134,217,728") as caught:
        make_splits(task, SplitSizes(train=10_000, validation=1, test=1), 0)
    assert caught.value.code == "E0612"


def test_negative_seed() -> None:
    with pytest.raises(InputError, match="-1") as caught:
        make_splits(Compression(), SIZES, -1)
    assert caught.value.code == "E0612"
