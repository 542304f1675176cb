"""Approach 2 and three sizes: exact on parabolas, biased on surfaces, warnings at edges."""

from dataclasses import replace

import numpy as np
import pytest

from aira_dsl import fit_isoflop
from aira_dsl.scaling.isoflop.approach2 import parabolas
from aira_dsl.scaling.isoflop.runs import Runs, ordered
from benchmarks.isoflop import SETTINGS, errors

A, C0 = 0.45, 2.0  # log10 N* = C0 + A · log10 C
Q, M = -0.63, 7.0  # lowest loss = M + Q · log10 N*


def parabolic(places: tuple[float, ...], budgets=(1e18, 1e19, 1e20)) -> Runs:
    """Runs whose loss at each budget is a parabola of log10 N, at these distances from N*."""
    flops = np.repeat(budgets, len(places))
    best = C0 + A * np.log10(flops)
    distance = np.tile(places, len(budgets))
    params = 10 ** (best + distance)
    loss = M + Q * best + 0.3 * distance**2
    return ordered(Runs("parabolic", params, flops / 6 / params, flops, flops, loss))


@pytest.mark.parametrize("method", ["approach2", "three_point"])
def test_exact_parabolas_give_exponent_slope_and_intercept(method) -> None:
    found = parabolas(parabolic((-0.5, -0.2, 0.1, 0.3, 0.6)), method)
    assert (found.a, found.q, found.m) == pytest.approx((A, Q, M), rel=1e-6)
    assert [curve.runs for curve in found.curves] == [5 if method == "approach2" else 3] * 3
    for curve in found.curves:
        assert np.log10(curve.params) == pytest.approx(C0 + A * np.log10(curve.flops))
        assert curve.used
        assert not curve.edge


def test_three_sizes_are_the_smallest_the_middle_and_the_largest() -> None:
    runs = parabolic((-0.5, -0.2, 0.1, 0.3, 0.6))
    bent = runs.loss_R.copy()
    bent[np.isclose(np.abs(np.log10(runs.params_R) - C0 - A * np.log10(runs.flops_R)), 0.2)] += 1
    changed = replace(runs, loss_R=bent)
    assert parabolas(changed, "three_point") == parabolas(runs, "three_point")
    assert parabolas(changed, "approach2").curves != parabolas(runs, "approach2").curves


def test_all_seeds_of_the_three_sizes_count() -> None:
    once = parabolic((-0.5, -0.2, 0.1, 0.6))
    columns = (once.params_R, once.tokens_R, once.flops_R, once.budget_R)
    shifts = (-0.02, 0.0, 0.02)
    loss = np.concatenate([once.loss_R + shift for shift in shifts])
    thrice = ordered(Runs("seeds", *(np.tile(each, 3) for each in columns), loss))
    one, three = (parabolas(each, "three_point") for each in (once, thrice))
    assert [curve.runs for curve in three.curves] == [9, 9, 9]
    assert (three.a, three.q, three.m) == pytest.approx((one.a, one.q, one.m))


def test_an_optimum_outside_of_the_sizes_is_left_out_and_said() -> None:
    found = parabolas(parabolic((0.1, 0.4, 0.7)), "approach2")
    assert [curve.edge for curve in found.curves] == ["the optimum lies outside of the sizes"] * 3
    assert np.log10(found.curves[0].params) == pytest.approx(C0 + A * 18)
    assert (found.a, found.q) == (None, None)


def test_a_lowest_loss_at_the_largest_size_is_said_and_a_hill_has_no_optimum() -> None:
    edge = parabolas(parabolic((-0.9, -0.6, 0.2)), "approach2").curves[0]
    assert edge.used
    assert edge.edge == "the lowest loss is that of the largest size"
    runs = parabolic((-0.5, 0, 0.5))
    hill = parabolas(replace(runs, loss_R=20 - runs.loss_R), "approach2").curves[0]
    assert (hill.params, hill.used, hill.edge) == (None, False, "the parabola has no minimum")


def test_drifting_centres_bias_parabolas_and_not_the_fit() -> None:
    found = errors(SETTINGS["beta above alpha, drift"])
    assert abs(found["fit"][0]) < 1e-9
    assert abs(found["fit"][1]) < 1e-6
    assert found["approach2"][0] > 0.03
    assert found["approach2"][1] > 0.4


def test_warnings_name_the_budgets(tmp_path) -> None:
    runs = parabolic((0.1, 0.4, 0.7))
    rows = zip(runs.params_R, runs.tokens_R, runs.flops_R, runs.loss_R, strict=True)
    text = "params,tokens,flops,loss\n" + "".join(",".join(map(str, row)) + "\n" for row in rows)
    (tmp_path / "runs.csv").write_text(text, encoding="utf-8")
    (design,) = fit_isoflop(tmp_path / "runs.csv", resamples=100).designs
    assert (
        "the optimum lies outside of the sizes at 3 budgets (1e+18, 1e+19, 1e+20 FLOPs)"
        in design.warnings
    )
