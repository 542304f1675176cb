"""Published runs: the fits that others have made of them are reproduced.

Reference values: Besiroglu et al. 2024 (Epoch AI's replication of Chinchilla): Huber's cost with
δ = 0.001, five runs of very few tokens left out of 245.
"""

from pathlib import Path

import pytest

from aira_dsl import fit_isoflop

DATA = Path(__file__).parent / "data"
EPOCH = {"E": 1.8172, "A": 482.01, "B": 2085.43, "alpha": 0.3478, "beta": 0.3658}


def only(name: str, **options):
    (design,) = fit_isoflop(DATA / name, **options).designs
    return design


@pytest.fixture(scope="module")
def figure_4():
    """Without the five runs of fewest tokens: those with a loss above 3.44."""
    found = only("chinchilla_figure_4.csv", objective="huber", resamples=200, where=["loss<3.44"])
    assert len(found.fit.runs) == 240
    assert found.fit.runs.tokens_R.min() > 8.1e8
    return found


@pytest.mark.parametrize("name", EPOCH)
def test_the_replication_of_chinchilla_is_reproduced_on_figure_4(figure_4, name) -> None:
    value, low, high = figure_4.fit.estimates[name]
    assert low < EPOCH[name] < high
    close = 0.03 if name in "AB" else 0.004
    assert value == pytest.approx(EPOCH[name], rel=close)


def test_figure_4_has_no_shared_budgets_and_says_so(figure_4) -> None:
    assert figure_4.parabolas == []
    assert any("share no budgets" in text for text in figure_4.warnings)


@pytest.mark.parametrize("name", EPOCH)
def test_the_isoflop_runs_alone_agree_with_the_replication(figure_4, name) -> None:
    """They are 85 of the 240 runs: their values are within the intervals of all."""
    fit = only("epochai_chinchilla.csv", objective="huber", resamples=100).fit
    assert len(fit.runs) == 85
    _, low, high = figure_4.fit.estimates[name]
    assert low < fit.estimates[name][0] < high


def test_least_squares_find_the_same_exponent_of_size(figure_4) -> None:
    for file in ("epochai_chinchilla.csv", "ml_scalefit.csv"):
        for name in ("alpha", "a"):
            _, low, high = only(file, resamples=200).fit.estimates[name]
            assert low < figure_4.fit.estimates[name][0] < high


def test_the_exponents_of_llama_3_are_found_by_all_methods() -> None:
    analysis = fit_isoflop(DATA / "llama_3.csv", resamples=200)
    assert [each.name for each in analysis.designs] == ["llama_3/exp_loss", "llama_3/raw_loss"]
    for design in analysis.designs:
        value, low, high = design.fit.estimates["a"]
        assert 0.45 < low < value < high < 0.55
        assert all(low < each.a < high for each in design.parabolas)
        assert design.fit.deviation < 0.01
    assert {each.quantity for each in analysis.differences} == {"a", "alpha", "beta", "gamma"}
    assert not analysis.differences[0].significant
