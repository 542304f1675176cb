"""The formulas of a comparison against counting, enumerating and resampling by hand."""

import itertools
import math
import random

import numpy as np
import pytest

from aira_dsl.evaluation.noise import Noise
from aira_dsl.experiments.comparison.statistics import (
    FLOOR,
    beats,
    best_so_far,
    entropy_per_slot,
    hamming,
    noise_floor,
    normalised,
)

NOISE = Noise(0.1, 0.2, math.inf, "table", "")


def test_best_so_far_is_the_maximum_of_every_prefix() -> None:
    rng = random.Random(0)
    for _ in range(50):
        scores = [rng.choice([-math.inf, rng.random()]) for _ in range(rng.randrange(1, 9))]
        expected = [max(scores[: min(n, len(scores))]) for n in range(1, 11)]
        assert best_so_far(scores, 10) == expected
    assert best_so_far([], 2) == [-math.inf] * 2
    assert best_so_far([0.1, 0.5, 0.9], 2) == [0.1, 0.5]


def test_beats_counts_pairs() -> None:
    rng = random.Random(1)
    for _ in range(30):
        a = [rng.choice([-math.inf, 1.0, 2.0, 3.0]) for _ in range(rng.randrange(1, 6))]
        b = [rng.choice([-math.inf, 1.0, 2.0, 3.0]) for _ in range(rng.randrange(1, 6))]
        points = [1.0 if x > y else 0.5 if x == y else 0.0 for x in a for y in b]
        share, low, high = beats(a, b)
        assert share == pytest.approx(sum(points) / len(points))
        assert low <= share + 1e-9
        assert share <= high + 1e-9
        assert share + beats(b, a)[0] == pytest.approx(1)
    assert beats([3, 4], [1, 2]) == pytest.approx((1, 1, 1))


def test_the_interval_of_beats_is_that_of_all_resamples() -> None:
    a, b = [1.0, 3.0, 2.5], [2.0, 2.5, 0.5]
    shares = [
        np.mean([(x > y) + 0.5 * (x == y) for x in left for y in right])
        for left in itertools.product(a, repeat=3)
        for right in itertools.product(b, repeat=3)
    ]
    _, low, high = beats(a, b)
    narrow = np.percentile(shares, [2.5, 97.5])
    assert min(shares) <= low <= narrow[0] < narrow[1] <= high <= max(shares)


def test_the_noise_floor_is_what_a_simulation_shows() -> None:
    a, b = ["x", "x", "y", "z"], ["x", "v", "v"]
    rng, repeats, noise = np.random.default_rng(0), 3, NOISE.value
    differences = []
    for _ in range(20_000):
        scores = {n: noise * rng.standard_normal(repeats).mean() for n in "vxyz"}
        differences.append(np.mean([scores[n] for n in a]) - np.mean([scores[n] for n in b]))
    floor = noise_floor(a, b, noise=NOISE, repeats=repeats)
    assert floor == pytest.approx(1.96 * np.std(differences), rel=0.02)
    assert noise_floor(["x", "y"], ["y", "x"], noise=NOISE, repeats=1) == 0
    one_each = noise_floor(["x"], ["y"], noise=NOISE, repeats=2)  # as docs/search.md has it
    assert one_each == pytest.approx(1.96 * noise * math.sqrt(2 / 2), rel=1e-4)


def test_normalised_scores_run_from_the_worst_to_the_reference() -> None:
    scale = {"optimum": 1.0, "worst": 0.2, "reference": 0.9}
    assert normalised(0.2, **scale) == 0
    assert normalised(0.9, **scale) == pytest.approx(1)
    assert normalised(0.1, **scale) == 0
    assert normalised(-math.inf, **scale) == 0
    assert normalised(0.6, **scale) == pytest.approx(math.log(0.8 / 0.4) / math.log(0.8 / 0.1))
    assert (normalised(0.95, **scale) or 0) > 1
    perfect = normalised(1.0, **scale)
    assert perfect == pytest.approx(math.log(0.8 / FLOOR) / math.log(8))
    assert normalised(0.5, optimum=1.0, worst=0.5, reference=0.5) is None


def test_a_perfect_score_is_the_best_in_both_directions() -> None:
    """The flaw of the original: a perfect score of a minimised measure came out near the worst."""
    for optimum in (1.0, 0.0):  # accuracy; bits per byte, turned
        values = [
            normalised(optimum - gap, optimum=optimum, worst=optimum - 0.8, reference=optimum - 0.1)
            for gap in (0.8, 0.4, 0.1, 0.01, FLOOR, 0.0)
        ]
        assert None not in values
        assert [round(value or 0, 9) for value in values] == sorted(
            round(v or 0, 9) for v in values
        )
        assert values[-1] == pytest.approx(values[-2])
        assert (values[-1] or 0) > 1


def test_hamming_is_the_mean_over_pairs() -> None:
    rng = random.Random(2)
    for _ in range(30):
        names = {tuple(rng.choice("AMB") for _ in range(5)) for _ in range(rng.randrange(2, 9))}
        if len(names) < 2:
            continue
        pairs = list(itertools.combinations(sorted(names), 2))
        expected = sum(sum(x != y for x, y in zip(a, b, strict=True)) for a, b in pairs)
        assert hamming(sorted(names)) == pytest.approx(expected / 5 / len(pairs))
    assert hamming(["AB"]) is None
    assert hamming([]) is None


def test_entropy_is_in_bits() -> None:
    found = entropy_per_slot([("A", "M", "A"), ("A", "B", "B"), ("A", "A", "C"), ("A", "C", "C")])
    assert found == pytest.approx([0.0, 2.0, 1.5])
    assert entropy_per_slot([]) == []
