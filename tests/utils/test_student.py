"""Quantiles of Student's t distribution against scipy."""

import math

import pytest
from scipy.stats import norm
from scipy.stats import t as student

from aira_dsl.utils.student import student_quantile

PROBABILITIES = (0.5, 0.6, 0.975, 1 - 0.025 / 3, 1 - 0.025 / 45, 1 - 1e-6)


@pytest.mark.parametrize("freedom", [1, 2, 3, 4, 5, 6, 19, 54, 399, 798, 5001])
def test_a_quantile_is_that_of_scipy(freedom: int) -> None:
    found = [student_quantile(probability, freedom) for probability in PROBABILITIES]
    assert found == pytest.approx(student.ppf(PROBABILITIES, freedom).tolist(), rel=1e-9, abs=1e-9)


def test_a_quantile_at_infinite_freedom_is_normal() -> None:
    for probability in PROBABILITIES:
        found = student_quantile(probability, math.inf)
        assert found == pytest.approx(norm.ppf(probability), rel=1e-9, abs=1e-9)


@pytest.mark.parametrize(("probability", "freedom"), [(0.4, 4), (1.0, 4), (0.9, 0), (0.9, 2.5)])
def test_what_the_sum_does_not_cover_is_refused(probability: float, freedom: float) -> None:
    with pytest.raises(ValueError, match="degrees of freedom"):
        student_quantile(probability, freedom)
