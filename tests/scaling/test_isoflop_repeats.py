"""Runs that differ in their seed alone: their noise, and the test of the law by them."""

from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import f as f_distribution
from scipy.stats import kstest

from aira_dsl.scaling.isoflop.fit import fit_runs, surface_loss
from aira_dsl.scaling.isoflop.repeats import lack_of_fit, seed_noise
from aira_dsl.scaling.isoflop.runs import Runs
from benchmarks.isoflop import SETTINGS

SETTING = SETTINGS["Chinchilla, centred"]


def repeated(
    seed: int, *, seeds: int | list[int] = 3, noise: float = 0.01, bend: float = 0.0
) -> Runs:
    """Draw runs of several seeds; `bend` adds what no law of this form has."""
    once = SETTING.runs()
    runs = Runs(
        "planted",
        *(
            np.repeat(each, seeds)
            for each in (once.params_R, once.tokens_R, once.flops_R, once.budget_R, once.loss_R)
        ),
    )
    draw = np.random.default_rng(seed)
    bent = bend * np.sin(3 * np.log(runs.params_R))
    return replace(runs, loss_R=runs.loss_R + bent + noise * draw.standard_normal(len(runs)))


def test_the_noise_of_seeds_is_that_of_equal_runs() -> None:
    assert seed_noise([repeated(0, seeds=40)]) == pytest.approx(0.01, rel=0.1)
    two = [repeated(seed, seeds=2) for seed in range(40)]
    assert seed_noise(two) == pytest.approx(0.01, rel=0.1)
    assert seed_noise([SETTING.runs()]) is None


def test_of_a_right_law_every_probability_is_as_likely() -> None:
    found = [lack_of_fit(fit_runs(repeated(seed), resamples=1)) for seed in range(150)]
    assert all(each is not None and each.freedom == (20, 50) for each in found)
    assert kstest([each.p for each in found], "uniform").pvalue > 1e-3


def test_a_wrong_law_is_found() -> None:
    runs = repeated(0, bend=0.03)
    fit = fit_runs(runs, resamples=1)
    found = lack_of_fit(fit)
    places = [runs.loss_R[first : first + 3] for first in range(0, len(runs), 3)]
    pure = sum(((each - each.mean()) ** 2).sum() for each in places)
    law = surface_loss(fit.parameters_P, runs.params_R[::3], runs.tokens_R[::3])
    bend = sum(3 * (each.mean() - loss) ** 2 for each, loss in zip(places, law, strict=True))
    assert found.ratio == pytest.approx((bend / 20) / (pure / 50))
    assert found.p == pytest.approx(f_distribution.sf(found.ratio, 20, 50))
    assert found.p < 1e-6


@pytest.mark.parametrize("reason", ["no repeats", "two repeats", "copies", "huber"])
def test_where_there_is_nothing_to_compare_with_there_is_no_test(reason: str) -> None:
    runs = {
        "no repeats": repeated(0, seeds=1),
        "two repeats": repeated(0, seeds=[3] + 24 * [1]),
        "copies": repeated(0, noise=0.0),
        "huber": repeated(0),
    }[reason]
    objective = "huber" if reason == "huber" else "least-squares"
    assert lack_of_fit(fit_runs(runs, objective=objective, resamples=1)) is None


def test_three_repeats_are_enough() -> None:
    found = lack_of_fit(fit_runs(repeated(0, seeds=[4] + 24 * [1]), resamples=1))
    assert found is not None
    assert found.freedom == (20, 3)
