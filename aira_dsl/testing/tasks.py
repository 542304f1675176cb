"""Contract tests of training tasks.

    class TestMyTask(TaskContract):
        task = MyTask()

in a test file runs all of them with pytest. The task must allow as many different examples as
`sizes` asks for.
"""

from typing import ClassVar

import numpy as np

from aira_dsl.data.splits import Splits, SplitSizes, make_splits
from aira_dsl.data.task import IGNORE, Examples, TaskSettings

SPLITS = ("train", "validation", "test")


def same(a: Examples, b: Examples) -> bool:
    """Return whether two sets of examples are equal in every token."""
    return np.array_equal(a.inputs, b.inputs) and np.array_equal(a.targets, b.targets)


class TaskContract:
    """What every task must do.

    Attributes:
        task: the task under test.
        sizes: examples of each split.
    """

    task: ClassVar[TaskSettings]
    sizes: ClassVar[SplitSizes] = SplitSizes(train=60, validation=20, test=30)

    def splits(self, seed: int = 0, **sizes: int) -> Splits:
        """Draw the splits of the task, some of them with another size."""
        return make_splits(self.task, self.sizes.model_copy(update=sizes), seed)

    def test_examples_are_writable_int64_arrays_of_the_sizes_asked_for(self) -> None:
        """Inputs and targets have shape (examples, length), or length - 1 where targets shift."""
        for split in SPLITS:
            examples = getattr(splits := self.splits(), split)
            assert len(examples) == getattr(self.sizes, split)
            assert examples.inputs.shape == examples.targets.shape
            assert examples.inputs.shape[1] in (self.task.length, self.task.length - 1)
            for array in (examples.inputs, examples.targets):
                assert array.dtype == np.int64
                assert array.flags.c_contiguous
                assert array.flags.writeable
            assert not np.shares_memory(examples.inputs, examples.targets)
            assert not np.shares_memory(examples.inputs, splits.test.targets)

    def test_tokens_are_in_the_vocabulary_and_every_example_is_scored(self) -> None:
        """Targets are token ids or `IGNORE`; an example without a scored target teaches nothing."""
        for split in SPLITS:
            examples = getattr(self.splits(), split)
            scored = examples.targets != IGNORE
            assert scored.any(axis=1).all()
            for tokens in (examples.inputs, examples.targets[scored]):
                assert tokens.min() >= 0
                assert tokens.max() < self.task.vocab

    def test_the_seed_decides_the_examples(self) -> None:
        """The same seed gives the same examples, another seed gives others."""
        first, again, other = self.splits(), self.splits(), self.splits(seed=1)
        for split in SPLITS:
            assert same(getattr(first, split), getattr(again, split))
            assert not same(getattr(first, split), getattr(other, split))

    def test_no_input_row_occurs_twice(self) -> None:
        """Neither in one split nor in two."""
        rows = np.concatenate([getattr(self.splits(), split).inputs for split in SPLITS])
        assert len(np.unique(rows, axis=0)) == len(rows)

    def test_held_out_splits_do_not_depend_on_the_sizes_of_the_others(self) -> None:
        """Validation does not depend on train, nor test on train or validation."""
        usual, more, fewer = self.splits(), self.splits(train=200), self.splits(validation=5)
        assert same(usual.validation, more.validation)
        assert same(usual.test, more.test)
        assert same(usual.test, fewer.test)

    def test_the_global_random_state_is_neither_used_nor_moved(self) -> None:
        """Examples follow from the seed alone."""
        np.random.seed(1)
        first = self.splits()
        np.random.seed(2)
        before = np.random.get_state(legacy=False)["state"]["key"].copy()
        second = self.splits()
        assert np.array_equal(before, np.random.get_state(legacy=False)["state"]["key"])
        assert all(same(getattr(first, split), getattr(second, split)) for split in SPLITS)

    def test_settings_are_values_that_survive_json(self) -> None:
        """The settings are part of an evaluation's identity."""
        copy = type(self.task).model_validate_json(self.task.model_dump_json())
        assert copy == self.task
        assert copy.identity() == self.task.identity()
        assert hash(copy) == hash(self.task)
