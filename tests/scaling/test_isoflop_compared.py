"""Designs compared: frontiers under real FLOPs, equal tokens and FLOPs, claims of three sizes."""

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.optimize import minimize_scalar

from aira_dsl.report.terminal.isoflop_compared import compared_json, compared_lines
from aira_dsl.scaling.isoflop.approach2 import parabolas
from aira_dsl.scaling.isoflop.claims import chance, claims
from aira_dsl.scaling.isoflop.compared import compare_designs
from aira_dsl.scaling.isoflop.equal import compare_at
from aira_dsl.scaling.isoflop.fit import fit_runs, surface_loss
from aira_dsl.scaling.isoflop.frontier import (
    best_sizes,
    estimate,
    flops_per_token,
    frontier,
    isoflop_loss,
)
from aira_dsl.scaling.isoflop.latency import latency_frontier, latency_of
from aira_dsl.scaling.isoflop.runs import Runs, ordered
from aira_dsl.scaling.isoflop.slopes import curves_of, paper_slope
from tests.helpers.command_line import run

LAW = (0.8, 40.0, 200.0, 0.34, 0.37)
BUDGETS = (1e13, 4e13, 1.6e14, 1e15)
SIZES = np.geomspace(5e4, 3e6, 7)


def made(name="llama", *, law=LAW, attention=3_000.0, noise=0.0, seed=0, seeds=1, latency=None):
    """Return runs of a law; a token costs 6N + attention·√N FLOPs, and latency·N seconds."""
    draw = np.random.default_rng(seed)
    params, budget = (each.ravel() for each in np.meshgrid(SIZES, np.repeat(BUDGETS, seeds)))
    tokens = budget / (6 * params + attention * np.sqrt(params))
    loss = surface_loss(np.array(law), params, tokens) + noise * draw.standard_normal(len(params))
    seconds = None if latency is None else latency * params
    return ordered(Runs(name, params, tokens, budget, budget, loss, seconds))


def test_the_best_size_is_least_under_the_real_flops():
    """Against a search with the exact price of a token; interpolation costs a little."""
    found = frontier(fit_runs(made(), resamples=2), BUDGETS)
    for place, budget in enumerate(BUDGETS):

        def loss(log_params, budget=budget):
            params = np.exp(log_params)
            price = 6 * params + 3_000 * np.sqrt(params)
            return surface_loss(np.array(LAW), params, budget / price)

        best = minimize_scalar(loss, bounds=(8, 18), method="bounded", options={"xatol": 1e-9})
        assert found.loss_SC[0, place] == pytest.approx(best.fun, abs=1e-4)
        assert found.params_SC[0, place] == pytest.approx(np.exp(best.x), rel=0.05)
        price = flops_per_token(made(), found.params_SC[:1, place])[0]
        assert found.tokens_SC[0, place] * price == pytest.approx(budget)


def test_with_one_price_it_is_the_closed_form():
    fit = fit_runs(made(attention=0.0, noise=0.003), resamples=20)
    found = frontier(fit, [1e14, 1e19])
    for place, optimum in enumerate(fit.optima([1e14, 1e19])):
        assert estimate(found.params_SC[:, place])[0] == pytest.approx(optimum.params[0], rel=1e-4)
        assert found.loss_SC[0, place] == pytest.approx(optimum.loss[0], rel=1e-6)
    assert found.inside_C.tolist() == [True, False]
    assert found.slopes_S["a"][0] == pytest.approx(fit.estimates["a"][0], abs=1e-4)


@pytest.mark.parametrize("attention", [0.0, 3_000.0])
def test_the_curve_of_a_budget_is_lowest_at_its_best_size(attention):
    """What the pictures draw as a line and as a point is computed apart."""
    runs = made(attention=attention)
    assert runs.has_one_factor == (attention == 0)
    fit = fit_runs(runs, resamples=2)
    for best in best_sizes(fit, BUDGETS):
        sizes = np.geomspace(best.params[0] / 3, best.params[0] * 3, 2001)
        curve = isoflop_loss(fit, best.flops, sizes)
        assert sizes[curve.argmin()] == pytest.approx(best.params[0], rel=0.01)
        assert curve.min() == pytest.approx(best.loss[0], abs=1e-5)


def test_what_is_equal_decides_who_is_ahead():
    """One law, but tokens of the first cost more: equal at equal tokens, behind at equal FLOPs."""
    fits = [fit_runs(made(f"{k}", attention=k), resamples=50) for k in (5_000.0, 500.0)]
    (tokens,) = compare_at(fits, equal="tokens", params=4e5, amount=5e7)
    (flops,) = compare_at(fits, equal="flops", params=4e5, amount=1e14)
    (best,) = compare_at(fits, equal="best", params=None, amount=1e14)
    assert tokens.value[0] == pytest.approx(0, abs=1e-6)
    assert flops.value[0] > 0.01
    assert best.value[0] > 0.01
    assert best.significant
    direct = [surface_loss(np.array(LAW), 4e5, 1e14 / (6 * 4e5 + k * 4e5**0.5)) for k in (5e3, 5e2)]
    assert flops.value[0] == pytest.approx(direct[0] - direct[1], abs=2e-3)


def test_the_slower_design_is_behind_at_equal_latency():
    """One law and one price, but tokens of the slow one take eight times as long to decode.

    Its best size within the limit has an eighth of the parameters: below its best size, so that
    its loss is that of the law there.
    """
    fits = [fit_runs(made(name, latency=each), resamples=50)
            for name, each in (("fast", 1e-9), ("slow", 8e-9))]  # fmt: skip
    (found,) = compare_at(fits, equal="latency", amount=1e15, latency=1.6e-3)
    assert (found.latency, found.params) == (1.6e-3, None)

    def loss(params):
        return surface_loss(np.array(LAW), params, 1e15 / (6 * params + 3_000 * params**0.5))

    best = minimize_scalar(lambda log: loss(np.exp(log)), bounds=(10.9, 14.3), method="bounded")
    within = loss(np.exp(min(best.x, np.log(1.6e6))))
    assert found.value[0] == pytest.approx(within - loss(2e5), abs=2e-3)
    assert found.significant
    (alike,) = compare_at(fits[:1] * 2, equal="latency", amount=1e15, latency=1.6e-3)
    assert alike.value == pytest.approx((0, 0, 0), abs=1e-12)


def test_a_limit_of_latency_only_bounds_the_size():
    """More time never makes a design worse; a limit that no size meets gives nothing."""
    fit = fit_runs(made(latency=1e-9), resamples=10)
    found = latency_frontier(fit, 1e15, [4e-5, 1e-4, 3e-4, 1e-3, 3.1e-3])
    assert np.isnan(found.loss_ST[:, 0]).all()
    assert (np.diff(found.loss_ST[:, 1:]) <= 1e-12).all()
    assert (found.params_ST[:, 1:] <= found.limits_T[1:] / 1e-9 * 1.001).all()
    free = frontier(fit, [1e15])
    assert found.loss_ST[0, -1] == pytest.approx(free.loss_SC[0, 0], abs=1e-4)


def test_measurements_that_scatter_give_a_latency_that_grows_with_the_size():
    """Launches, caches and weights, with 10 % noise: recovered to a few percent, monotone."""
    runs = made(seeds=3)
    exact = 1e-3 + 2e-6 * runs.params_R**0.5 + 1e-9 * runs.params_R
    draw = np.random.default_rng(0)
    noisy = replace(runs, latency_R=exact * np.exp(0.1 * draw.standard_normal(len(runs))))
    found = latency_of(noisy, runs.params_R)
    assert found == pytest.approx(exact, rel=0.08)
    assert (np.diff(latency_of(noisy, SIZES)) >= 0).all()
    assert latency_of(replace(runs, latency_R=exact), SIZES) == pytest.approx(
        1e-3 + 2e-6 * SIZES**0.5 + 1e-9 * SIZES
    )


def test_equal_latency_needs_the_latency_of_every_design():
    quick, slow = made("quick", latency=1e-9), made("slow", latency=4e-9)
    both = [fit_runs(each, resamples=20) for each in (quick, slow)]
    found = compare_designs(both, "quick")
    each_budget = [each for each in found.losses if each.equal == "latency"]
    assert [each.amount for each in each_budget] == list(BUDGETS)
    best = [each.params_SC[0] for each in found.frontiers]
    means = np.sqrt(1e-9 * best[0] * 4e-9 * best[1])
    assert [each.latency for each in each_budget] == pytest.approx(means.tolist(), rel=1e-6)
    assert [each.design for each in found.latencies] == ["quick", "slow"]
    assert found.too_slow == []
    without = compare_designs([both[0], fit_runs(made("slow"), resamples=20)], "quick")
    assert (without.latencies, without.limits) == ([], [])
    assert {each.equal for each in without.losses} == {"tokens", "flops", "best"}


def test_a_design_without_a_size_that_is_fast_enough_is_named():
    fits = [
        fit_runs(made(name, latency=each), resamples=20)
        for name, each in (("a", 1e-9), ("b", 1e-9), ("slow", 1e-6))
    ]
    found = compare_designs(fits, "a")
    assert found.too_slow == ["slow"]
    (pair,) = [each for each in found.losses_C[-1] if each.equal == "latency"]
    assert (pair.first, pair.second) == ("a", "b")
    facts = compared_json(found)
    json.dumps(facts, allow_nan=False)
    assert facts["latency"][2]["limits"][0]["loss"] is None
    assert "slow has no size that is this fast" in "\n".join(compared_lines(found))


def test_equal_designs_are_told_apart_one_time_in_twenty():
    """Of 40 pairs of one law at most 6 differ significantly, unless chance is below 1e-2."""
    found = 0
    for draw in range(40):
        fits = [
            fit_runs(made(name, noise=0.004, seed=100 * draw + place), resamples=100)
            for place, name in enumerate(("a", "b"))
        ]
        (each,) = compare_at(fits, equal="best", params=None, amount=1e14)
        found += each.significant
    assert found <= 6


def test_different_slopes_are_found():
    fits = [
        fit_runs(made(name, law=(0.8, 40.0, scale, 0.34, beta), noise=0.001), resamples=100)
        for name, scale, beta in (("slow", 60.0, 0.29), ("fast", 200.0, 0.37))
    ]
    found = compare_designs(fits, "slow")
    (slope,) = [each for each in found.slopes if each.slope == "per_decade"]
    assert slope.significant
    one, two = (each.slopes_S["per_decade"][0] for each in found.frontiers)
    assert slope.value[0] == pytest.approx(one - two)
    assert slope.relative[0] == pytest.approx(one / two - 1)


def test_the_slope_of_parabolas_is_that_of_approach_2():
    runs = made(noise=0.003)
    curves = curves_of(runs)
    all_sizes = paper_slope(curves, [each.loss_K[None] for each in curves])[0]
    assert all_sizes == pytest.approx(parabolas(runs, "approach2").q)
    outer = [each.outer for each in curves]
    three = paper_slope(outer, [each.loss_K[None] for each in outer])[0]
    assert three == pytest.approx(parabolas(runs, "three_point").q)


def test_claims_of_three_sizes_scatter_around_nothing():
    one, two = (made(name, noise=0.004, seed=seed) for seed, name in enumerate(("a", "b")))
    found = claims(one, two)
    assert found.choices == 35
    assert 0 < len(found.three) <= 35
    assert min(found.three.values()) < found.all_sizes < max(found.three.values())
    assert claims(two, two).three.keys() >= found.three.keys()
    assert set(claims(two, two).three.values()) == {0.0}


def test_chance_is_the_share_of_simulated_claims():
    fit = fit_runs(made(), resamples=2)
    quiet = chance(fit, designs=3, noise=1e-6, draws=200)
    assert (quiet.pair, quiet.any_of) == (0, 0)
    assert quiet.median < 0.01
    loud = chance(fit, designs=3, noise=0.03, draws=2_000)
    assert 0.005 < loud.pair < loud.any_of < 3 * loud.pair
    every = chance(fit, designs=3, noise=0.03, sizes=None, draws=2_000)
    assert every.median < loud.median


def test_designs_without_shared_budgets_are_not_compared():
    one = made("a")
    other = Runs("b", one.params_R, one.tokens_R, one.flops_R, None, one.loss_R)
    fits = [fit_runs(each, resamples=2) for each in (other, one)]
    assert compare_designs(fits, "a") is None
    assert compare_designs(fits[1:], "a") is None


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "runs.csv"
    lines = ["design,params,tokens,flops,budget,loss"]
    for name, seed in (("b", 1), ("a", 2), ("c", 3)):
        runs = made(name, noise=0.004, seed=seed)
        columns = (runs.params_R, runs.tokens_R, runs.flops_R, runs.budget_R, runs.loss_R)
        lines += [",".join([name, *map(str, row)]) for row in zip(*columns, strict=True)]
    path.write_text("\n".join(lines), encoding="utf-8")
    return path


def test_what_the_runs_do_not_determine_is_null_in_json_and_none_in_text(tmp_path):
    """The best size of `a` is its smallest at both budgets: its loss has no slope against it."""
    rows = (
        (3900, 42368, 1.5e9, 2.7080), (4160, 40576, 1.5e9, 2.5907), (9380, 22016, 1.5e9, 2.6844),
        (8536, 21632, 1.5e9, 2.6291), (15480, 12800, 1.5e9, 2.6795), (16512, 12160, 1.5e9, 2.6603),
        (3900, 84864, 3e9, 2.6703), (4160, 81280, 3e9, 2.5749), (9380, 44032, 3e9, 2.6715),
        (8536, 43392, 3e9, 2.5957), (15480, 25600, 3e9, 2.6433), (16512, 24320, 3e9, 2.6284),
    )  # fmt: skip
    lines = ["design,params,tokens,budget,flops,loss"]
    for place, (params, tokens, budget, loss) in enumerate(rows):
        lines.append(f"{'ba'[place % 2]},{params},{tokens},{budget},{budget},{loss}")
    path = tmp_path / "runs.csv"
    path.write_text("\n".join(lines), encoding="utf-8")

    def refuse(constant):
        raise AssertionError(f"{constant} is not JSON")

    done = run("isoflop", "fit", path, "--resamples", 100, "--format", "json")
    found = json.loads(done.out, parse_constant=refuse)["compared"]
    assert found["frontiers"]["a"]["slopes"]["q"]["value"] is None
    assert found["chance"][0]["median"] is None
    text = run("isoflop", "fit", path, "--resamples", 100).out
    assert "median claim none, no slope in 100%" in text
    assert "nan" not in text


def test_the_command_compares_against_a_reference(file):
    done = run("isoflop", "fit", file, "--resamples", 100, "--reference", "b", "--format", "json")
    found = json.loads(done.out)["compared"]
    assert found["reference"] == "b"
    assert {each["design"] for each in found["claims"]} == {"a", "c"}
    assert len(found["slopes"]) == 3 * 3
    assert len(found["losses"]) == 3 * 3 * 4
    assert {each["reference"] for each in json.loads(done.out)["slopes"]} == {"b"}
    text = run("isoflop", "fit", file, "--resamples", 100).out
    for part in (
        "slopes of the frontiers from 1e+13 to 1e+15 FLOPs:",
        "equal parameters and tokens",
        "the paper's q/q_reference - 1 against a:",
        'how often chance alone gives "54% faster"',
        "noise of 0.00",
    ):
        assert part in text


def test_an_unknown_reference_is_refused(file):
    done = run("isoflop", "fit", file, "--reference", "d")
    assert (done.code, "E1307" in done.err) == (1, True)
    assert "a, b, c" in done.err
