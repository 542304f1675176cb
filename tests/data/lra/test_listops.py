"""ListOps: well-formed expressions, true labels, the frequencies of the published generator."""

import statistics
from itertools import islice

import numpy as np
import pytest
from pydantic import ValidationError

from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.listops_trees import TEXTS, draw_expressions
from aira_dsl.errors import InputError

SMALL = ListOpsSettings(
    train=300, validation=50, test=50, max_depth=6, max_args=5, min_length=20, max_length=100
)
OPERATIONS = {
    "[MIN": min,
    "[MAX": max,
    "[MED": lambda values: int(statistics.median(values)),
    "[SM": lambda values: sum(values) % 10,
}


def texts(settings: ListOpsSettings) -> dict[str, list[tuple[str, int]]]:
    """Return text and label of every example of each split."""
    return {
        name: [
            (" ".join(TEXTS[token] for token in row[:length]), int(label))
            for row, length, label in zip(split.inputs, split.lengths, split.labels, strict=True)
        ]
        for name, split in settings.splits()
    }


def evaluate(text: str) -> tuple[int, int, int]:
    """Return value, depth and greatest number of arguments, by recursion over the text."""
    words = text.split()
    value, depth, most, end = _evaluate(words, 0)
    assert end == len(words)
    return value, depth, most


def _evaluate(words: list[str], at: int) -> tuple[int, int, int, int]:
    if words[at] not in OPERATIONS:
        return int(words[at]), 1, 0, at + 1
    operation, values, depth, most = OPERATIONS[words[at]], [], 0, 0
    at += 1
    while words[at] != "]":
        value, below, arguments, at = _evaluate(words, at)
        values.append(value)
        depth, most = max(depth, below), max(most, arguments)
    assert len(values) >= 2
    return operation(values), depth + 1, max(most, len(values)), at + 1


def test_labels_are_the_values_of_the_expressions():
    for examples in texts(SMALL).values():
        for text, label in examples:
            value, depth, most = evaluate(text)
            assert value == label
            assert depth <= SMALL.max_depth
            assert most <= SMALL.max_args
            assert SMALL.min_length < len(text.split()) < SMALL.max_length


def test_depths_are_those_of_the_expressions():
    batch = next(SMALL.batches())
    for row, length, depth in islice(
        zip(batch.tokens_KL, batch.lengths_K, batch.depths_K, strict=True), 100
    ):
        assert evaluate(" ".join(TEXTS[token] for token in row[:length]))[1] == depth


def test_no_expression_occurs_twice():
    every = [text for examples in texts(SMALL).values() for text, _ in examples]
    assert len(every) == len(set(every)) == 400


def test_the_seed_decides_the_expressions():
    again, other = texts(SMALL), texts(SMALL.model_copy(update={"seed": 1}))
    assert again == texts(SMALL)
    assert not {text for text, _ in again["train"]} & {text for text, _ in other["train"]}


def test_nothing_follows_the_end_of_an_expression():
    for _, split in SMALL.splits():
        after = np.arange(split.inputs.shape[1]) >= split.lengths[:, None]
        assert (split.inputs[after] == 0).all()
        assert (split.inputs[~after] > 0).all()


def test_a_space_without_enough_expressions_is_refused():
    tiny = {"max_depth": 2, "max_args": 2, "min_length": 3, "max_length": 5}
    full = ListOpsSettings(train=398, validation=1, test=1, **tiny)
    assert len({text for examples in texts(full).values() for text, _ in examples}) == 400
    with pytest.raises(InputError, match="401 are needed, 400 were found") as caught:
        texts(ListOpsSettings(train=399, validation=1, test=1, **tiny))
    assert caught.value.code == "E0611"


def test_a_batch_may_hold_no_expression():
    batch = draw_expressions(
        np.random.default_rng(0), 50, max_depth=3, max_args=3, min_length=500, max_length=600
    )
    assert batch.tokens_KL.shape == (0, 599)


def test_bounds_without_a_length_between_them_are_refused():
    with pytest.raises(ValidationError, match="at least min_length"):
        ListOpsSettings(train=1, validation=1, test=1, min_length=30, max_length=31)


@pytest.mark.slow
def test_the_paper_size_has_the_published_frequencies():
    batches = list(islice(ListOpsSettings(train=1, validation=1, test=1).batches(), 24))
    labels_N = np.concatenate([batch.values_K for batch in batches])
    lengths_N = np.concatenate([batch.lengths_K for batch in batches])
    roots_N = np.concatenate([batch.tokens_KL[:, 0] for batch in batches])
    assert len(labels_N) > 4000  # standard errors: 0.13 % acceptance, 6 tokens, 0.6 % of a label
    assert len(labels_N) / sum(batch.drawn for batch in batches) == pytest.approx(0.084, abs=0.004)
    assert lengths_N.mean() == pytest.approx(1044, abs=25)
    assert np.median(lengths_N) == pytest.approx(966, abs=30)
    shares = np.bincount(labels_N) / len(labels_N)
    assert shares[[0, 9]] == pytest.approx(0.17, abs=0.02)
    assert shares[1:9] == pytest.approx(0.083, abs=0.025)
    by_root = sum(np.bincount(labels_N[roots_N == root]).max() for root in set(roots_N))
    assert by_root / len(labels_N) == pytest.approx(0.366, abs=0.025)
    assert all((batch.depths_K == 10).all() for batch in batches)
