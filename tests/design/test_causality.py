"""Whether a model looks ahead: which differences between two processes are more than noise."""

import numpy as np
import pytest

from aira_dsl.design.judge.causality import ON_CPU, ON_GPU, Tolerance

BORDERS = 256


def found(tolerance: Tolerance, share: float, gain: float) -> float:
    """Return how often a candidate that gains some bits at a share of the positions is found."""
    random = np.random.default_rng(0)
    gains = np.where(random.random((2_000, BORDERS)) < share, gain, 0.0)
    return float(np.mean([tolerance.is_exceeded(row, row.max()) for row in gains]))


@pytest.mark.parametrize("gain", [0.002, 0.005, 0.01, 0.02, ON_CPU.largest])
def test_a_gain_of_two_thousandths_of_a_bit_per_token_is_found_on_a_cpu(gain):
    assert found(ON_CPU, 0.002 / gain, gain) > 0.98


@pytest.mark.parametrize(("share", "least"), [(0.01, 0.92), (0.02, 0.994)])
def test_a_larger_gain_is_found_at_one_of_its_positions(share, least):
    assert found(ON_CPU, share, 2 * ON_CPU.largest) == pytest.approx(least, abs=0.02)


def test_differences_that_rounding_makes_are_no_gain():
    step = np.random.default_rng(0).normal(scale=0.02, size=BORDERS)
    assert not ON_GPU.is_exceeded(step, np.abs(step).max())
    assert ON_CPU.is_exceeded(step, np.abs(step).max())
    assert not ON_CPU.is_exceeded(np.zeros(BORDERS), 0.0)
