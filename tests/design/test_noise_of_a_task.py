"""The noise of a score: the repeats of the baseline, with the measurement that a task names."""

import math

import pytest

from aira_dsl.design.baseline import noise
from aira_dsl.design.metadata import Baseline


def named(value, repeats):
    return Baseline(score=0.5, noise=value, repeats=repeats, machine="one core")


SCORES = [0.50, 0.52, 0.54]  # variance 0.0004


@pytest.mark.parametrize(("repeats", "freedom"), [(2, 1), (3, 2), (5, 4), (50, 4)])
def test_a_measurement_counts_as_its_repeats_up_to_four_degrees(repeats, freedom):
    found = noise(SCORES, named(0.01, repeats))
    pooled = (freedom * 0.01**2 + 2 * 0.0004) / (freedom + 2)
    assert found.value == pytest.approx(math.sqrt(pooled))
    assert found.freedom == freedom + 2


def test_one_repeat_says_nothing_about_noise():
    """Its standard deviation is noted as zero."""
    assert noise(SCORES, named(0.0, 1)) == noise(SCORES, None)
    assert noise(SCORES, None).value == pytest.approx(0.02)
    assert noise([0.5], named(0.0, 1)) is None


def test_without_repeats_of_the_baseline_the_measurement_is_all_there_is():
    found = noise([], named(0.01, 3))
    assert (found.value, found.freedom) == (0.01, 2)
    assert "one core" in found.basis
