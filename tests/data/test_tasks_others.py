"""Memorization, compression, selective copying, language: targets re-derived from inputs."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.data.tasks import (
    IGNORE,
    Compression,
    LanguageTask,
    Memorization,
    SelectiveCopying,
    SplitSizes,
    make_splits,
)

SEEDS = st.integers(0, 2**32)


@given(st.integers(5, 300), st.integers(1, 20), SEEDS)
@settings(max_examples=40)
def test_memorization(vocab: int, pairs: int, seed: int) -> None:
    task = Memorization(vocab=vocab, length=2 * pairs)
    known: dict[int, int] = {}
    for training in (True, False):
        examples = task.generate(np.random.default_rng(seed), 30, training=training)
        for row, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
            assert row[1::2] == [vocab - 1] * pairs
            assert targets[::2] == [IGNORE] * pairs
            for key, value in zip(row[::2], targets[1::2], strict=True):
                assert 0 <= key < (vocab - 1) // 2 <= value < vocab - 1
                assert known.setdefault(key, value) == value
    assert len(set(known.values())) == len(known), "different keys have different values"


def test_memorization_has_one_map_in_all_splits_and_seeds() -> None:
    task, sizes = Memorization(), SplitSizes(train=256, validation=100, test=100)
    known: dict[int, int] = {}
    for seed in (0, 1):
        for part in vars(make_splits(task, sizes, seed)).values():
            keys, values = part.inputs[:, ::2].ravel(), part.targets[:, 1::2].ravel()
            for key, value in zip(keys.tolist(), values.tolist(), strict=True):
                assert known.setdefault(key, value) == value
    assert sorted(known) == list(range(127))
    shifted = np.array([known[key] - 127 for key in range(127)])
    assert abs(np.corrcoef(shifted, np.arange(127))[0, 1]) < 0.3, "the map is shuffled"


def test_memorization_keys_are_uniform() -> None:
    rows = Memorization(vocab=9).generate(np.random.default_rng(0), 1000, training=True).inputs
    counts = np.bincount(rows[:, ::2].ravel())
    assert np.allclose(counts / counts.sum(), 1 / 4, atol=0.02)


@given(st.integers(3, 100), st.integers(2, 60), SEEDS)
@settings(max_examples=40)
def test_compression(vocab: int, length: int, seed: int) -> None:
    examples = Compression(vocab=vocab, length=length).generate(
        np.random.default_rng(seed), 10, training=False
    )
    assert np.array_equal(examples.inputs, examples.targets)
    assert (examples.inputs[:, -1] == vocab - 1).all()
    assert examples.inputs[:, :-1].max() < vocab - 1


def test_compression_tokens_are_uniform() -> None:
    rows = Compression().generate(np.random.default_rng(0), 1000, training=True).inputs[:, :-1]
    assert np.allclose(np.bincount(rows.ravel()) / rows.size, 1 / 15, atol=0.01)


@given(st.integers(4, 60), st.integers(1, 12), st.integers(1, 60), SEEDS)
@settings(max_examples=60)
def test_selective_copying(vocab: int, copies: int, blanks: int, seed: int) -> None:
    length = 2 * copies + 1 + blanks
    task = SelectiveCopying(vocab=vocab, length=length, copy_tokens=copies)
    examples = task.generate(np.random.default_rng(seed), 10, training=False)
    blank, copy = vocab - 2, vocab - 1
    for row, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        place = row.index(copy)
        assert place == length - copies - 1
        content = [token for token in row[:place] if token != blank]
        assert len(content) == copies
        assert max(content) < blank
        assert row[place + 1 :] == [blank] * copies
        assert targets == [IGNORE] * (place + 1) + content
        assert row[place - 1] == content[-1], "blanks stand before content, as in MAD"


def test_blanks_fall_uniformly_on_the_gaps_before_content() -> None:
    """MAD draws a gap for each blank: the counts are multinomial, unlike shuffled positions."""
    task = SelectiveCopying(length=129, copy_tokens=4)
    rows = task.generate(np.random.default_rng(0), 2000, training=True).inputs[:, : 120 + 4]
    places = np.nonzero(rows != 14)[1].reshape(2000, 4)
    gaps = np.diff(places, axis=1, prepend=-1) - 1
    assert np.allclose(gaps.mean(0), 120 / 4, atol=0.5)
    assert np.allclose(gaps.var(0), 120 * (1 / 4) * (3 / 4), rtol=0.15)
    assert (rows[:, 0] == 14).mean() > 0.9, "blanks stand at the start, too"


def test_content_is_uniform_and_random_per_example() -> None:
    targets = SelectiveCopying().generate(np.random.default_rng(0), 1000, training=True).targets
    content = targets[targets != IGNORE]
    assert np.allclose(np.bincount(content, minlength=14) / content.size, 1 / 14, atol=0.01)


def test_language_predicts_the_next_byte_of_its_own_splits_text() -> None:
    task = LanguageTask(length=48)
    corpus = task.load()
    splits = make_splits(task, SplitSizes(train=50, validation=20, test=20), 0)
    for split in ("train", "validation", "test"):
        part = getattr(splits, split)
        assert np.array_equal(part.inputs[:, 1:], part.targets[:, :-1])
        for row, targets in zip(part.inputs.tolist(), part.targets.tolist(), strict=True):
            assert bytes([*row, targets[-1]]) in corpus.text(split)
