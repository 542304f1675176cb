"""Rows packed from documents."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.design.harness.packing import pack


def documents(*lengths: int) -> list[np.ndarray]:
    """Return documents that begin with 0 and continue with their own number."""
    return [np.array([0] + [n + 1] * (length - 1)) for n, length in enumerate(lengths)]


def test_a_row_takes_the_longest_document_that_fits() -> None:
    rows = [row.tolist() for row in pack(documents(3, 7, 5, 20), 10)]
    assert rows == [[0] + [2] * 6 + [0] + [1] * 2, [0] + [3] * 4 + [0] + [4] * 4]


def test_where_none_fits_the_shortest_is_cut() -> None:
    (row,) = pack(documents(9, 8, 6), 10, waiting=2)
    assert row.tolist() == [0] + [1] * 8 + [0]
    rows = list(pack(documents(12, 15), 10))
    assert [row.tolist() for row in rows] == [[0] + [1] * 9, [0] + [2] * 9]


def test_documents_of_the_length_of_a_row_are_rows_in_their_order() -> None:
    whole = documents(6, 6, 6, 6)
    assert [row.tolist() for row in pack(iter(whole), 6)] == [each.tolist() for each in whole]


@given(st.lists(st.integers(1, 30), min_size=1, max_size=60), st.integers(1, 12))
def test_rows_are_full_and_begin_with_a_document(lengths: list[int], waiting: int) -> None:
    texts = documents(*lengths)
    rows = list(pack(texts, 16, waiting=waiting))
    assert all(row.shape == (16,) and row[0] == 0 for row in rows)
    # Each document is used once: as often as its number occurs at most.
    used = np.bincount(np.concatenate([*rows, [0]]), minlength=len(lengths) + 1)[1:]
    assert all(count <= length - 1 for count, length in zip(used, lengths, strict=True))
