"""The order of rows: a permutation at every size, the same for any number of ranks."""

import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.data.tokens.corpus import TokenCorpus
from aira_dsl.data.tokens.order import permuted
from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.data.tokens.rows import Rows
from aira_dsl.errors import InputError

TEXTS = [f"document {number} " * (1 + number * 7 % 23) for number in range(120)]


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> TokenCorpus:
    folder = tmp_path_factory.mktemp("corpus")
    lines = (json.dumps({"text": text}) + "\n" for text in TEXTS)
    (folder / "texts.jsonl").write_text("".join(lines), encoding="utf-8")
    return prepare([folder], validation=0.2, cache=folder / "cache")


@given(st.integers(1, 3000), st.integers(0, 2**63), st.integers(0, 5))
@settings(max_examples=100)
def test_every_place_is_reached_once(count: int, seed: int, epoch: int) -> None:
    found = permuted(np.arange(count), count, seed=seed, epoch=epoch)
    assert sorted(found.tolist()) == list(range(count))


@given(st.integers(1, 10**12), st.data())
def test_single_places_are_those_of_the_whole(count: int, data: st.DataObject) -> None:
    places = np.array(data.draw(st.lists(st.integers(0, count - 1), min_size=1, max_size=9)))
    whole = permuted(places, count, seed=3, epoch=0)
    one_by_one = [
        permuted(places[k : k + 1], count, seed=3, epoch=0)[0] for k in range(len(places))
    ]
    assert whole.tolist() == one_by_one
    assert (whole < count).all()
    assert len(set(whole.tolist())) == len(set(places.tolist()))


def test_the_order_is_recorded() -> None:
    assert permuted(np.arange(10), 10, seed=0, epoch=0).tolist() == [0, 1, 6, 2, 4, 5, 9, 3, 8, 7]
    assert permuted(np.arange(3), 10**9, seed=1, epoch=2).tolist() == [
        94335245,
        781194087,
        139423815,
    ]


def test_all_orders_of_four_places_are_about_equally_frequent() -> None:
    orders = Counter(
        tuple(permuted(np.arange(4), 4, seed=seed, epoch=0).tolist()) for seed in range(2400)
    )
    assert len(orders) == 24
    assert all(60 < count < 150 for count in orders.values())


def test_places_are_spread_evenly() -> None:
    """A chi-squared statistic of (position, value) cells, and no rank correlation of neighbours."""
    cells = np.zeros((10, 10))
    for seed in range(400):
        found = permuted(np.arange(100), 100, seed=seed, epoch=0)
        np.add.at(cells, (np.arange(100) // 10, found // 10), 1)
    statistic = ((cells - 400) ** 2 / 400).sum()  # 81 degrees of freedom
    assert 40 < statistic < 140
    long = permuted(np.arange(10_000), 10_000, seed=7, epoch=0)
    assert abs(np.corrcoef(long[:-1], long[1:])[0, 1]) < 0.04
    assert abs(np.corrcoef(long, np.arange(10_000))[0, 1]) < 0.04


def test_epochs_and_seeds_have_their_own_orders() -> None:
    orders = {
        tuple(permuted(np.arange(50), 50, seed=seed, epoch=epoch).tolist())
        for seed in range(5)
        for epoch in range(5)
    }
    assert len(orders) == 25


@given(st.integers(1, 300), st.integers(1, 8), st.integers(0, 2**40), st.integers(0, 60))
@settings(max_examples=60)
def test_one_two_and_four_ranks_see_the_same_batches(
    corpus: TokenCorpus, context: int, quarter: int, seed: int, step: int
) -> None:
    rows = Rows(corpus.train, context, seed, "separate")
    size = 4 * quarter
    whole = rows.batch(step, size)
    for ranks in (2, 4):
        parts = [rows.batch(step, size, rank=rank, ranks=ranks) for rank in range(ranks)]
        assert (np.concatenate([part.tokens_BS for part in parts]) == whole.tokens_BS).all()
        segments = np.concatenate([part.segments_BS for part in parts])
        assert (segments == whole.segments_BS).all()


@given(st.integers(1, 200), st.lists(st.integers(1, 40), min_size=1, max_size=30))
@settings(max_examples=60)
def test_a_training_that_is_continued_neither_repeats_nor_loses_a_row(
    corpus: TokenCorpus, context: int, sizes: list[int]
) -> None:
    """Sessions of any number of samples: the concatenation is that of one session."""
    rows = Rows(corpus.train, context, seed=5)
    seen: list[int] = []
    for size in sizes:
        seen += rows.order(len(seen), size).tolist()
    assert seen == rows.order(0, len(seen)).tolist()
    for epoch in range(len(seen) // rows.count):
        part = seen[epoch * rows.count : (epoch + 1) * rows.count]
        assert sorted(part) == list(range(rows.count))


@given(st.integers(1, 500))
@settings(max_examples=40)
def test_every_token_is_a_target_once_but_the_first_and_the_tail(
    corpus: TokenCorpus, context: int
) -> None:
    rows = Rows(corpus.train, context)
    targets = np.concatenate([rows[row].tokens_BS[0, 1:] for row in range(len(rows))])
    stream = corpus.train.read(0, corpus.train.tokens)
    assert (targets == stream[1 : len(targets) + 1]).all()
    assert len(targets) + rows.left_out + 1 == corpus.train.tokens
    assert rows.left_out < context


def test_rows_keep_the_order_of_the_text_without_a_seed(corpus: TokenCorpus) -> None:
    rows = Rows(corpus.validation, 16)
    assert rows.order(0, rows.count + 2).tolist() == [*range(rows.count), 0, 1]


@given(st.integers(1, 400), st.integers(0, 10**6))
@settings(max_examples=60)
def test_segments_change_where_documents_begin_and_nowhere_else(
    corpus: TokenCorpus, context: int, seed: int
) -> None:
    batch = Rows(corpus.train, context, seed, "separate").take(0, 5)
    assert batch.segments_BS is not None
    begins = batch.tokens_BS == corpus.tokenizer.separator
    assert (np.cumsum(begins, axis=1) == batch.segments_BS).all()


def test_rows_that_cross_documents_have_no_segments(corpus: TokenCorpus) -> None:
    assert Rows(corpus.train, 8, 0).batch(0, 2).segments_BS is None


def test_a_row_needs_enough_tokens(corpus: TokenCorpus) -> None:
    most = corpus.validation.tokens - 1
    assert Rows(corpus.validation, most).count == 1
    with pytest.raises(InputError, match=f"validation split has {most + 1:,} tokens") as caught:
        Rows(corpus.validation, most + 1)
    assert caught.value.code == "E1407"


def test_validation_needs_a_document(tmp_path: Path) -> None:
    (tmp_path / "a.txt").write_text("text", encoding="utf-8")
    made = prepare([tmp_path], cache=tmp_path / "cache", validation=0)
    with pytest.raises(InputError, match="no document is held out for validation") as caught:
        Rows(made.validation, 1)
    assert caught.value.code == "E1407"
    assert "--validation" in (caught.value.help or "")


def test_what_cannot_be_asked_for(corpus: TokenCorpus) -> None:
    rows = Rows(corpus.train, 8, 0)
    with pytest.raises(ValueError, match="6 rows cannot be divided among 4 ranks"):
        rows.batch(0, 6, ranks=4)
    with pytest.raises(ValueError, match="at least 1, not 0"):
        Rows(corpus.train, 0)
    with pytest.raises(IndexError):
        rows[rows.count]
