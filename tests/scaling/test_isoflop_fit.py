"""The fit of L(N, D): planted laws, intervals, invariances, and independent implementations."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import least_squares, minimize, nnls
from scipy.special import huber

from aira_dsl.errors import InputError
from aira_dsl.scaling.isoflop.analysis import difference
from aira_dsl.scaling.isoflop.fit import fit_runs, surface_loss
from aira_dsl.scaling.isoflop.objectives import DELTA
from aira_dsl.scaling.isoflop.projection import nonnegative_least_squares
from aira_dsl.scaling.isoflop.runs import Runs, ordered, shared_budgets
from benchmarks.isoflop import COVERED, SETTINGS, Setting, coverage

CHINCHILLA = SETTINGS["Chinchilla, centred"]


def noisy(setting: Setting, seed: int = 0) -> Runs:
    return setting.runs(np.random.default_rng(seed))


@pytest.mark.parametrize("name", SETTINGS)
@pytest.mark.parametrize("objective", ["least-squares", "huber"])
def test_planted_laws_are_recovered_without_noise(name, objective) -> None:
    fit = fit_runs(SETTINGS[name].runs(), objective=objective, resamples=1)
    for quantity, truth in SETTINGS[name].truth.items():
        assert fit.estimates[quantity][0] == pytest.approx(truth, rel=1e-5), quantity
    assert fit.deviation < 1e-6


@pytest.mark.parametrize("name", SETTINGS)
def test_planted_exponents_are_recovered_with_noise(name) -> None:
    """Within five standard errors, estimated from the fit's own interval."""
    fit = fit_runs(noisy(SETTINGS[name]), resamples=300)
    for quantity in COVERED:
        value, low, high = fit.estimates[quantity]
        assert abs(value - SETTINGS[name].truth[quantity]) < 5 * (high - low) / 3.92
        assert low < value < high


def test_the_best_size_lies_where_the_loss_at_a_budget_is_least() -> None:
    setting = SETTINGS["beta above alpha, drift"]
    (optimum,) = fit_runs(setting.runs(), resamples=1).optima([1e22])
    assert optimum.params[0] == pytest.approx(float(setting.best_size(1e22)), rel=1e-5)
    assert 6 * optimum.params[0] * optimum.tokens[0] == pytest.approx(1e22)
    assert optimum.extrapolation == pytest.approx(10)
    sizes = optimum.params[0] * np.array([0.99, 1.0, 1.01])
    left, best, right = surface_loss(np.array(setting.parameters), sizes, 1e22 / (6 * sizes))
    assert best == pytest.approx(optimum.loss[0])
    assert best < min(left, right)


def test_intervals_cover_the_truth() -> None:
    """A cheap version: of 40 draws between 34 and all 40 cover, unless chance is below 1e-4."""
    found = coverage(CHINCHILLA, draws=40, resamples=200)
    assert all(share >= 34 / 40 for share in found.values()), found


@pytest.mark.slow
@pytest.mark.parametrize("name", SETTINGS)
def test_intervals_cover_the_truth_in_90_to_98_per_cent_of_200_draws(name) -> None:
    found = coverage(SETTINGS[name], draws=200, resamples=200)
    assert all(0.90 <= share <= 0.98 for share in found.values()), found


def test_intervals_are_as_wide_as_the_noise_says() -> None:
    """Twice the noise, twice the width; and never exactly the value, unless there is none."""
    widths = [
        np.diff(fit_runs(noisy(replace(CHINCHILLA, noise=noise)), resamples=300)
                .estimates["alpha"][1:])[0]
        for noise in (0.002, 0.004)
    ]  # fmt: skip
    assert 1.7 < widths[1] / widths[0] < 2.3


@given(
    params=st.floats(1e-9, 1e9), tokens=st.floats(1e-9, 1e9), seed=st.integers(0, 100),
    objective=st.sampled_from(["least-squares", "huber"]),
)  # fmt: skip
@settings(max_examples=15)
def test_units_of_size_and_tokens_change_only_a_and_b(params, tokens, seed, objective) -> None:
    runs = noisy(CHINCHILLA, seed)
    other = replace(runs, params_R=runs.params_R * params, tokens_R=runs.tokens_R * tokens)
    one = fit_runs(runs, objective=objective, resamples=20).estimates
    two = fit_runs(other, objective=objective, resamples=20).estimates
    for name in ("E", "alpha", "beta", "a", "b", "gamma"):
        assert two[name] == pytest.approx(one[name], rel=2e-4), name
    assert two["A"][0] / one["A"][0] == pytest.approx(params ** one["alpha"][0], rel=2e-3)
    assert two["B"][0] / one["B"][0] == pytest.approx(tokens ** one["beta"][0], rel=2e-3)


@given(st.permutations(range(25)))
@settings(max_examples=10)
def test_the_order_of_runs_changes_nothing(order) -> None:
    runs = noisy(CHINCHILLA)
    columns = (runs.params_R, runs.tokens_R, runs.flops_R, runs.budget_R, runs.loss_R)
    shuffled = ordered(Runs(runs.design, *(column[list(order)] for column in columns)))
    one, two = (fit_runs(each, resamples=20) for each in (runs, shuffled))
    assert (one.parameters_P == two.parameters_P).all()
    assert (one.resampled_SP == two.resampled_SP).all()


@pytest.mark.parametrize("name", SETTINGS)
def test_least_squares_agree_with_scipy_on_all_five_parameters(name) -> None:
    """From the true parameters, in logarithms of E, A and B, with the Jacobian of scipy."""
    runs = noisy(SETTINGS[name], 3)
    mine = fit_runs(runs, resamples=1).parameters_P

    def residuals(point):
        parameters = np.concatenate([np.exp(point[:3]), point[3:]])
        return surface_loss(parameters, runs.params_R, runs.tokens_R) - runs.loss_R

    e, a, b, alpha, beta = SETTINGS[name].parameters
    start = [*np.log([e, a, b]), alpha, beta]
    theirs = least_squares(residuals, start, xtol=1e-15, ftol=1e-15, gtol=1e-15, x_scale="jac")
    assert mine[3:] == pytest.approx(theirs.x[3:], rel=1e-4)
    assert mine[:3] == pytest.approx(np.exp(theirs.x[:3]), rel=1e-3)
    mine_cost = (residuals(np.concatenate([np.log(mine[:3]), mine[3:]])) ** 2).sum() / 2
    assert mine_cost <= theirs.cost * (1 + 1e-9)


@pytest.mark.parametrize("seed", range(3))
def test_huber_agrees_with_scipy_on_all_five_parameters(seed) -> None:
    runs = noisy(CHINCHILLA, seed)
    mine = fit_runs(runs, objective="huber", resamples=1).parameters_P

    def cost(point):
        parameters = np.concatenate([np.exp(point[:3]), point[3:]])
        fitted = surface_loss(parameters, runs.params_R, runs.tokens_R)
        return huber(DELTA, np.log(runs.loss_R / fitted)).sum()

    def point(parameters):
        return np.concatenate([np.log(parameters[:3]), parameters[3:]])

    theirs = minimize(cost, point(CHINCHILLA.parameters), method="Nelder-Mead",
                      options={"xatol": 1e-9, "fatol": 1e-15, "maxfev": 20_000})  # fmt: skip
    assert cost(point(mine)) <= theirs.fun * (1 + 1e-6)
    assert mine[3:] == pytest.approx(theirs.x[3:], rel=0.02)


@given(st.integers(0, 10_000))
@settings(max_examples=50)
def test_nonnegative_least_squares_agree_with_scipy(seed) -> None:
    draw = np.random.default_rng(seed)
    features, wanted = draw.normal(size=(12, 3)), draw.normal(size=12)
    found = nonnegative_least_squares(
        (features.T @ features)[None], (features.T @ wanted)[None]
    )[0]  # fmt: skip
    assert found == pytest.approx(nnls(features, wanted)[0], abs=1e-9)


@pytest.mark.parametrize("missing", ["E", "A/N^alpha", "B/D^beta"])
def test_a_term_that_the_runs_do_not_show_is_zero_and_said(missing) -> None:
    e, a, b, alpha, beta = CHINCHILLA.parameters
    terms = {"E": e, "A/N^alpha": a, "B/D^beta": b}
    terms[missing] = 0.0
    runs = CHINCHILLA.runs()
    parameters = np.array([*terms.values(), alpha, beta])
    loss = surface_loss(parameters, runs.params_R, runs.tokens_R)
    fit = fit_runs(replace(runs, loss_R=loss), resamples=1)
    assert fit.limits[0] == f"{missing} is zero: the runs do not show this term"


def test_many_runs_are_fitted_in_parts_with_the_same_result(monkeypatch) -> None:
    whole = fit_runs(noisy(CHINCHILLA), resamples=40)
    monkeypatch.setattr("aira_dsl.scaling.isoflop.projection._CELLS", 100)
    assert fit_runs(noisy(CHINCHILLA), resamples=40).resampled_SP == pytest.approx(
        whole.resampled_SP, rel=1e-5
    )


@pytest.mark.parametrize(
    ("setting", "reason"),
    [
        (replace(CHINCHILLA, sizes=1, budgets=8), "function of the size"),
        (replace(CHINCHILLA, budgets=1, sizes=9), "one budget"),
        (replace(CHINCHILLA, budgets=2, sizes=2), "4 runs"),
    ],
)
def test_grids_that_determine_nothing_are_refused(setting, reason) -> None:
    with pytest.raises(InputError, match=reason) as caught:
        fit_runs(setting.runs())
    assert caught.value.code == "E1305"


def test_two_sizes_and_two_numbers_of_tokens_are_refused() -> None:
    small, large, few, many = 1e7, 1e8, 1e9, 1e10
    grid = np.array([(n, d) for n in (small, large) for d in (few, 3e9, many)])
    for params, tokens, reason in ((*grid.T, "2 sizes"), (*grid.T[::-1], "2 numbers of tokens")):
        loss = surface_loss(np.array(CHINCHILLA.parameters), params, tokens)
        with pytest.raises(InputError, match=reason):
            fit_runs(ordered(Runs("x", params, tokens, 6 * params * tokens, None, loss)))


def test_sizes_that_lie_close_to_each_other_are_many() -> None:
    rng = np.random.default_rng(0)
    params = np.geomspace(1e6, 1e9, 1000)  # each within one per cent of the next
    tokens = rng.permutation(np.geomspace(3e8, 1e11, 1000))
    loss = surface_loss(np.array(CHINCHILLA.parameters), params, tokens)
    runs = ordered(Runs("x", params, tokens, 6 * params * tokens, None, loss))
    assert fit_runs(runs, resamples=1).parameters_P == pytest.approx(
        np.array(CHINCHILLA.parameters), rel=1e-4
    )


def test_flops_that_differ_by_whole_steps_are_one_budget() -> None:
    params = np.geomspace(1e7, 1e8, 9)
    tokens = 1e18 / (6 * params) * np.linspace(0.97, 1, 9)
    loss = surface_loss(np.array(CHINCHILLA.parameters), params, tokens)
    with pytest.raises(InputError, match="one budget"):
        fit_runs(ordered(Runs("x", params, tokens, 6 * params * tokens, None, loss)))


def test_designs_of_one_law_do_not_differ_and_those_of_two_laws_do() -> None:
    one, same = (replace(noisy(CHINCHILLA, seed), design=str(seed)) for seed in (1, 2))
    steeper = replace(CHINCHILLA, parameters=(1.8172, 482.01, 2085.43, 0.3478, 0.43))
    other = replace(noisy(steeper, 3), design="other")
    fits = [fit_runs(each, resamples=300) for each in (one, same, other)]
    assert not difference(fits[0], fits[1], "beta").significant
    found = difference(fits[0], fits[2], "beta")
    assert found.significant
    assert found.value[1] < 0.3658 - 0.43 < found.value[2]
    mirrored = difference(fits[2], fits[0], "beta").value
    assert mirrored == pytest.approx((-found.value[0], -found.value[2], -found.value[1]))


def test_budgets_are_found_in_flops_or_there_are_none() -> None:
    flops = np.repeat([1e18, 3e18], 4) * np.array([1, 1.01, 0.99, 1] * 2)
    params = np.tile([1e7, 2e7, 4e7, 8e7], 2)
    budgets = shared_budgets(flops, params)
    assert budgets == pytest.approx(np.repeat([1e18, 3e18], 4), rel=1e-3)
    assert len(np.unique(budgets)) == 2
    assert shared_budgets(np.geomspace(1e18, 3e18, 60), np.geomspace(1e7, 1e8, 60)) is None
    assert shared_budgets(np.geomspace(1e18, 1e21, 8), params) is None
