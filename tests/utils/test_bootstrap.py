"""Bootstrap intervals and rank correlations against loops, enumeration and scipy."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import spearmanr
from scipy.stats import t as student

from aira_dsl.utils.statistics import (
    difference_interval,
    mean_interval,
    mean_intervals,
    rank_correlation,
    row_interval,
)

SCORES = [0.1, 0.35, 0.2, 0.9, 0.6]


def test_the_interval_of_normal_means_is_as_wide_as_students() -> None:
    values = np.random.default_rng(0).standard_normal(20)
    mean, low, high = mean_interval(values.tolist())
    margin = student.ppf(0.975, 19) * values.std(ddof=1) / np.sqrt(20)
    assert mean == pytest.approx(values.mean())
    assert (low, high) == pytest.approx((mean - margin, mean + margin), abs=0.05 * margin)


@pytest.mark.parametrize(("runs", "least"), [(5, 0.88), (10, 0.91), (20, 0.92)])
def test_the_interval_covers_the_truth_as_often_as_docs_say(runs: int, least: float) -> None:
    rng = np.random.default_rng(3)
    columns = rng.standard_normal((runs, 400))
    _, low_B, high_B = mean_intervals(columns)
    assert least <= np.mean((low_B <= 0) & (high_B >= 0)) <= 0.98


def test_columns_are_resampled_together() -> None:
    columns = np.array([SCORES, SCORES[::-1]]).T
    mean_B, low_B, high_B = mean_intervals(columns)
    alone = mean_interval(SCORES)
    assert (mean_B[0], low_B[0], high_B[0]) == pytest.approx(alone)
    assert mean_interval(SCORES) == alone


def test_one_value_is_its_own_interval() -> None:
    assert mean_interval([0.4]) == pytest.approx((0.4, 0.4, 0.4))


def test_the_interval_of_a_difference_is_that_of_all_resamples() -> None:
    a, b = [0.5, 0.6, 0.9, 0.7], [0.4, 0.45, 0.8]
    mean, low, high = difference_interval(a, b)
    assert mean == pytest.approx(0.675 - 0.55)
    resampled = [
        np.mean(left) - np.mean(right)
        for left in itertools.product(a, repeat=4)
        for right in itertools.product(b, repeat=3)
    ]
    narrow = np.percentile(resampled, [2.5, 97.5])
    assert low < narrow[0] < narrow[1] < high  # expanded
    assert min(resampled) <= low < high <= max(resampled)


@given(*(st.lists(st.floats(-1, 1), min_size=1, max_size=5) for _ in range(2)))
def test_a_minus_b_is_the_mirror_image_of_b_minus_a(a: list[float], b: list[float]) -> None:
    mean, low, high = difference_interval(a, b)
    assert difference_interval(b, a) == (-mean, -high, -low)


def test_an_interval_of_rows_is_that_of_a_loop() -> None:
    rng = np.random.default_rng(1)
    values_A = rng.standard_normal(12)
    drawn = np.random.default_rng(0)
    loop = [np.median(values_A[drawn.integers(12, size=12)]) for _ in range(1_000)]
    found = row_interval(12, lambda rows_SA: np.median(values_A[rows_SA], axis=1))
    assert found == pytest.approx(tuple(np.percentile(loop, [2.5, 97.5])))


@given(
    st.lists(st.tuples(st.integers(0, 5), st.integers(0, 5)), min_size=3, max_size=20).filter(
        lambda pairs: all(len(set(side)) > 1 for side in zip(*pairs, strict=True))
    )
)
def test_rank_correlation_with_ties(pairs: list[tuple[int, int]]) -> None:
    a, b = (np.array(side, dtype=float) for side in zip(*pairs, strict=True))
    assert float(rank_correlation(a, b)) == pytest.approx(spearmanr(a, b).statistic)


def test_rank_correlations_of_many_rows_are_those_of_each() -> None:
    rng = np.random.default_rng(2)
    a, b = rng.integers(0, 4, (2, 3, 9)), rng.standard_normal((3, 9))
    found = rank_correlation(a, b)
    assert found.shape == (2, 3)
    for row, column in itertools.product(range(2), range(3)):
        alone = spearmanr(a[row, column], b[column]).statistic
        assert found[row, column] == pytest.approx(alone)


def test_a_constant_has_no_rank_correlation() -> None:
    assert np.isnan(rank_correlation(np.ones(4), np.arange(4.0)))
