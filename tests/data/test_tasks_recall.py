"""The three recalls against plain-Python readers that re-derive the targets from the inputs."""

import random
import time
from collections import Counter
from itertools import groupby

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.data.mad.fuzzy_in_context_recall import _distinct_tokens
from aira_dsl.data.tasks import (
    IGNORE,
    FuzzyInContextRecall,
    InContextRecall,
    NoisyInContextRecall,
)

SEEDS = st.integers(0, 2**32)


def expected_recall(row: list[int], final: int, symbols: int) -> list[int]:
    """Walk over a sequence of pairs and return the evaluation targets of its shifted row."""
    known: dict[int, int] = {}
    tokens = [*row, final]
    targets = []
    for key, value in zip(tokens[::2], tokens[1::2], strict=True):
        if key >= symbols:
            assert value >= symbols, "noise comes in pairs"
            targets += [IGNORE, IGNORE]
            continue
        assert key < symbols // 2 <= value < symbols
        assert known.setdefault(key, value) == value, "a key has one value in a sequence"
        targets += [value if targets_seen(tokens, key, len(targets)) else IGNORE, IGNORE]
    return targets[:-1]


def targets_seen(tokens: list[int], key: int, before: int) -> bool:
    return key in tokens[:before:2]


@given(
    st.integers(4, 40),
    st.integers(2, 30),
    st.integers(1, 20),
    st.floats(0, 0.95),
    SEEDS,
)
@settings(max_examples=60)
def test_recall_targets(symbols: int, pairs: int, noise: int, fraction: float, seed: int) -> None:
    plain = InContextRecall(vocab=symbols, length=2 * pairs)
    noisy = NoisyInContextRecall(
        vocab=symbols + noise, noise_vocab=noise, noise_fraction=fraction, length=2 * pairs
    )
    for task in (plain, noisy):
        rng = np.random.default_rng(seed)
        examples = task.generate(rng, 8, training=False)
        for row, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
            assert targets == expected_recall(row, targets[-1], symbols)
            assert row[-1] in row[:-1:2], "the last key was shown"
            assert targets[-1] != IGNORE


@pytest.mark.parametrize("task", [InContextRecall(), NoisyInContextRecall()])
def test_training_scores_every_next_token_of_the_same_sequences(task: InContextRecall) -> None:
    train = task.generate(np.random.default_rng(3), 50, training=True)
    test = task.generate(np.random.default_rng(3), 50, training=False)
    assert np.array_equal(train.inputs, test.inputs)
    assert np.array_equal(train.targets[:, :-1], train.inputs[:, 1:])
    scored = test.targets != IGNORE
    assert np.array_equal(train.targets[scored], test.targets[scored])


def test_keys_and_values_are_uniform() -> None:
    examples = InContextRecall().generate(np.random.default_rng(0), 2000, training=False)
    keys = np.bincount(examples.inputs[:, ::2].ravel(), minlength=16)
    assert (keys[8:] == 0).all()
    assert np.allclose(keys[:8] / keys.sum(), 1 / 8, atol=0.01)
    # Values are uniform where a key is new, that is, over maps.
    first_values = np.bincount(examples.inputs[:, 1], minlength=16)
    assert (first_values[:8] == 0).all()
    assert np.allclose(first_values[8:] / 2000, 1 / 8, atol=0.04)


def test_values_may_repeat_and_maps_are_fresh() -> None:
    examples = InContextRecall().generate(np.random.default_rng(0), 200, training=False)
    maps = [dict(zip(row[:-1:2], row[1::2], strict=True)) for row in examples.inputs.tolist()]
    assert any(len(set(m.values())) < len(m) for m in maps)
    assert len({tuple(sorted(m.items())) for m in maps}) > 190


def test_final_key_is_uniform_over_the_different_keys_shown() -> None:
    """Not over the pairs: with two keys, the rarer one is asked for as often as the other."""
    task = InContextRecall(vocab=4, length=40)
    examples = task.generate(np.random.default_rng(0), 4000, training=False)
    shown, asked = examples.inputs[:, :-1:2], examples.inputs[:, -1]
    both = (shown.min(1) == 0) & (shown.max(1) == 1)
    rarer = (shown.mean(1) < 0.5).astype(int)
    clear = both & (abs(shown.mean(1) - 0.5) > 0.1)
    assert clear.sum() > 500
    assert abs((asked == rarer)[clear].mean() - 0.5) < 0.06


@pytest.mark.parametrize("fraction", [0.0, 0.2, 0.8])
def test_noise_fraction(fraction: float) -> None:
    task = NoisyInContextRecall(noise_fraction=fraction)
    rows = task.generate(np.random.default_rng(0), 2000, training=False).inputs
    noise = rows[:, :-1] >= 16  # without the final pair, whose key is the last token of a row
    assert abs(noise.mean() - fraction * (1 - 1 / 63)) < 0.01  # one of 63 pairs is kept
    if fraction:
        counts = np.bincount(rows[:, :-1][noise], minlength=32)[16:]
        assert np.allclose(counts / counts.sum(), 1 / 16, atol=0.01)


def test_a_pair_is_kept_even_in_the_noisiest_and_shortest_sequences() -> None:
    """The reference's index is off by one and misses with probability 2 / length (1/2 here)."""
    task = NoisyInContextRecall(length=4, noise_fraction=0.999)
    rows = task.generate(np.random.default_rng(0), 500, training=False).inputs
    assert (rows[:, 0] == rows[:, 2]).all()
    longer = NoisyInContextRecall(length=12, noise_fraction=0.999)
    rows = longer.generate(np.random.default_rng(0), 2000, training=False).inputs
    kept = (rows[:, :-1:2] < 16).sum(0) / 2000
    assert np.allclose(kept, 0.2, atol=0.04)


def motifs(row: list[int], task: FuzzyInContextRecall) -> list[tuple[int, ...]]:
    """Split an unpadded sequence in runs of key tokens and runs of value tokens."""
    middle = (task.vocab - 1) // 2
    return [tuple(run) for _, run in groupby(row, key=lambda token: token >= middle)]


def check_fuzzy(task: FuzzyInContextRecall, tokens: list[int], training: bool) -> list[bool]:
    """Read a sequence, check its form and return which tokens evaluation scores."""
    pad = task.vocab - 1
    body = [token for token in tokens if token != pad]
    padding = len(tokens) - len(body)
    assert padding >= 1
    assert tokens[:padding] == [pad] * padding, "padding is on the left"
    runs = motifs(body, task)
    assert len(runs) % 2 == 0
    known: dict[tuple[int, ...], tuple[int, ...]] = {}
    scored = [False] * padding
    for key, value in zip(runs[::2], runs[1::2], strict=True):
        assert max(key) < (task.vocab - 1) // 2 <= min(value)
        assert len(set(key)) == len(key) <= task.key_motif
        assert len(set(value)) == len(value) <= task.value_motif
        assert training or len(key) == task.key_motif
        scored += [False] * len(key) + [key in known] * len(value)
        assert known.setdefault(key, value) == value
    assert scored[-1], "the last key was shown"
    return scored


@st.composite
def fuzzy_tasks(draw: st.DrawFn) -> FuzzyInContextRecall:
    vocab = draw(st.integers(7, 40))
    key = draw(st.integers(1, min(4, (vocab - 1) // 2)))
    value = draw(st.integers(1, min(4, vocab // 2)))
    length = draw(st.integers(2 * (key + value) + 1, 70))
    return FuzzyInContextRecall(vocab=vocab, length=length, key_motif=key, value_motif=value)


@given(fuzzy_tasks(), st.booleans(), SEEDS)
@settings(max_examples=75)
def test_fuzzy_targets(task: FuzzyInContextRecall, training: bool, seed: int) -> None:
    examples = task.generate(np.random.default_rng(seed), 6, training=training)
    assert examples.inputs.shape == (6, task.length)
    for row, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        scored = check_fuzzy(task, [*row, targets[-1]], training)
        full = [*row[1:], targets[-1]]
        if training:
            assert targets == full
        else:
            wanted = [t if s else IGNORE for t, s in zip(full, scored[1:], strict=True)]
            assert targets == wanted


def test_fuzzy_probe_is_always_shown_where_the_reference_may_not() -> None:
    """Shortest legal length: the random threshold mostly lies past the only pair that fits."""
    task = FuzzyInContextRecall(vocab=128, length=13)
    for training in (True, False):
        examples = task.generate(np.random.default_rng(0), 500, training=training)
        for row, targets in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
            check_fuzzy(task, [*row, targets[-1]], training)


def test_fuzzy_motif_lengths_are_uniform() -> None:
    """At vocabulary 128 chance repeats are rare, so that printed pairs follow the draw."""
    task = FuzzyInContextRecall(vocab=128)
    for training in (True, False):
        examples = task.generate(np.random.default_rng(0), 400, training=training)
        keys: Counter[int] = Counter()
        values: Counter[int] = Counter()
        for row, target in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
            runs = motifs([t for t in [*row, target[-1]] if t != 127], task)
            keys.update(len(run) for run in runs[:10:2])
            values.update(len(run) for run in runs[1:10:2])
        total = keys.total()
        assert total == 2000
        if training:
            assert all(abs(keys[size] / total - 1 / 3) < 0.06 for size in (1, 2, 3))
        else:
            assert keys == {3: total}
        assert all(abs(values[size] / total - 1 / 3) < 0.06 for size in (1, 2, 3))


def test_fuzzy_evaluation_at_baseline_scores_few_positions() -> None:
    """The reference, run at the baseline, scores about 3.5 % of test positions."""
    examples = FuzzyInContextRecall().generate(np.random.default_rng(0), 1000, training=False)
    assert 0.03 < (examples.targets != IGNORE).mean() < 0.04


def test_fuzzy_threshold_moves_the_probe_over_the_whole_sequence() -> None:
    task = FuzzyInContextRecall(vocab=128)
    examples = task.generate(np.random.default_rng(0), 500, training=False)
    share = []
    for row, target in zip(examples.inputs.tolist(), examples.targets.tolist(), strict=True):
        runs = motifs([t for t in [*row, target[-1]] if t != 127], task)
        share.append(runs[:-2:2].index(runs[-2]) / len(runs[:-2:2]))
    quartiles = np.histogram(share, bins=4, range=(0, 1))[0]
    assert quartiles.min() > 70


def sequential_fuzzy(task: FuzzyInContextRecall, rng: random.Random, training: bool) -> list[int]:
    """Write one sequence pair by pair, as the task is published (with the probe always shown)."""
    middle, end = (task.vocab - 1) // 2, task.vocab - 1
    least = 1 if training else task.key_motif

    def pair() -> tuple[tuple[int, ...], tuple[int, ...]]:
        key = rng.sample(range(middle), rng.randint(least, task.key_motif))
        value = rng.sample(range(middle, end), rng.randint(1, task.value_motif))
        return tuple(key), tuple(value)

    probe = pair()
    size = len(probe[0] + probe[1])
    threshold = rng.randrange(task.length - 2 * size)
    limit = task.length - size - task.key_motif - task.value_motif
    known, shown = dict([probe]), set()
    tokens: list[int] = []
    while len(tokens) < limit:
        key, value = pair()
        value = known.get(key, value)
        last = len(tokens) + len(key + value) >= limit
        if probe[0] not in shown and (len(tokens) >= threshold or last):
            key, value = probe
        known[key] = value
        shown.add(key)
        tokens += [*key, *value]
    tokens += [*probe[0], *probe[1]]
    return [end] * (task.length + 1 - len(tokens)) + tokens


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "task",
    [
        FuzzyInContextRecall(vocab=8, length=24, key_motif=2, value_motif=2),
        FuzzyInContextRecall(vocab=7, length=20, key_motif=1, value_motif=3),
        FuzzyInContextRecall(),
    ],
)
def test_fuzzy_batches_are_distributed_like_sequences_written_pair_by_pair(
    task: FuzzyInContextRecall, training: bool
) -> None:
    """Means of what a sequence holds agree within five standard errors."""
    count = 3000
    rng = random.Random(0)
    slow = [sequential_fuzzy(task, rng, training) for _ in range(count)]
    batch = task.generate(np.random.default_rng(0), count, training=training)
    quick = np.concatenate([batch.inputs, batch.targets[:, -1:]], axis=1).tolist()

    def facts(tokens: list[int]) -> list[float]:
        runs = motifs([token for token in tokens if token != task.vocab - 1], task)
        keys = runs[::2]
        return [
            len(keys),
            len(set(keys)),
            keys.count(keys[-1]),
            keys.index(keys[-1]),
            len(keys[-1]),
            len(runs[-1]),
            len(runs[1]),
            tokens.count(task.vocab - 1),
        ]

    a, b = (np.array([facts(tokens) for tokens in batch]) for batch in (slow, quick))
    errors = np.sqrt((a.var(0) + b.var(0)) / count) + 1e-9
    assert (abs(a.mean(0) - b.mean(0)) < 5 * errors).all(), (a.mean(0), b.mean(0))


def test_distinct_tuples_are_uniform() -> None:
    tuples = _distinct_tokens(np.random.default_rng(0), (4000, 6), 3, 4)
    counts = Counter(map(tuple, tuples.reshape(-1, 3).tolist()))
    assert len(counts) == 24
    assert all(len(set(t)) == 3 for t in counts)
    assert max(counts.values()) < 1.2 * 1000
    assert min(counts.values()) > 0.8 * 1000


def test_fuzzy_recall_is_fast() -> None:
    task = FuzzyInContextRecall(vocab=128, length=128)
    rng = np.random.default_rng(0)
    started = time.process_time()
    task.generate(rng, 1000, training=True)
    assert time.process_time() - started < 1.0
