"""`aira-dsl isoflop fit`: what it prints and writes."""

import json
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure
from matplotlib.image import imread

from aira_dsl import fit_isoflop
from benchmarks.isoflop import SETTINGS
from tests.helpers.command_line import run

DATA = Path(__file__).parent / "data"
FEW = ("--resamples", 100)


def as_json(*arguments):
    done = run("isoflop", "fit", *arguments, *FEW, "--format", "json")
    assert done.code == 0, done.err
    return json.loads(done.out)


def test_one_design_is_at_the_top_of_the_json_and_among_the_designs() -> None:
    found = as_json(DATA / "epochai_chinchilla.csv")
    for name in ("alpha", "beta", "E", "A", "B", "a", "b", "gamma"):
        assert found[name].keys() == {"value", "low", "high"}
        assert found[name]["low"] < found[name]["value"] < found[name]["high"]
    assert found["designs"] == {"chinchilla": {k: found[k] for k in found["designs"]["chinchilla"]}}
    assert found["differences"] == []
    assert found["input"]["outliers"] == 38
    assert found["input"]["columns"]["used"]["budget"] == "budget"
    assert found["approach2"]["a"] == pytest.approx(0.54, abs=0.01)
    assert len(found["optima"]) == len(found["three_point"]["curves"]) == 7


def test_two_designs_are_compared() -> None:
    found = as_json(DATA / "llama_3.csv", "--at", "1e24")
    assert set(found["designs"]) == {"llama_3/exp_loss", "llama_3/raw_loss"}
    assert "alpha" not in found
    assert [each["quantity"] for each in found["differences"]] == ["a", "alpha", "beta", "gamma"]
    (slope,) = [each for each in found["slopes"] if each["method"] == "three_point"]
    first, second = (found["designs"][name]["three_point"]["q"] for name in found["designs"])
    assert slope["delta_q"] == pytest.approx(second - first)
    assert slope["relative_q"] == pytest.approx(second / first - 1)
    optimum = found["designs"]["llama_3/exp_loss"]["optima"][0]
    assert optimum["extrapolation"] == pytest.approx(1000)
    assert optimum["params"]["low"] < optimum["params"]["value"] < optimum["params"]["high"]


def test_the_text_says_what_was_done() -> None:
    done = run("isoflop", "fit", DATA / "llama_3.csv", *FEW, "--at", "1e21", "--at", "1e24")
    assert done.code == 0
    for part in (
        "266 rows: 231 runs of 2 designs",
        "left out as marked outliers: 35",
        "columns without effect: experiment, reason",
        "flops = budget",
        "by least squares on the loss; 95 % intervals from 100 resamples",
        "a by parabolas: Approach 2 0.4953, three sizes 0.4854",
        "extrapolated: 1e+03 times the largest run",
        "not significantly different",
        "Δq",
    ):
        assert part in done.out, part


def test_the_objective_and_the_condition_are_said() -> None:
    done = run("isoflop", "fit", DATA / "chinchilla_figure_4.csv", *FEW, "--objective", "huber",
               "--where", "loss<3.44")  # fmt: skip
    assert "by Huber's cost of log L with δ = 0.001" in done.out
    assert "left out by --where: 5" in done.out
    assert "E      1.8172" in done.out
    assert "tokens = flops/(6·params): the file has none" in done.out
    assert "warning: the runs share no budgets" in done.out


def test_a_folder_gets_numbers_and_pictures_and_is_not_replaced_silently(tmp_path) -> None:
    out = tmp_path / "fit"
    command = ("isoflop", "fit", DATA / "epochai_chinchilla.csv", "--out", out, *FEW)
    assert run(*command).out.endswith(f"{out}: written\n")
    assert sorted(path.name for path in out.iterdir()) == [
        "fit.json", "frontier.png", "isoflops.png",
    ]  # fmt: skip
    assert json.loads((out / "fit.json").read_text(encoding="utf-8")) == as_json(
        DATA / "epochai_chinchilla.csv"
    )
    assert all((out / name).read_bytes().startswith(b"\x89PNG") for name in
               ("frontier.png", "isoflops.png"))  # fmt: skip
    assert run(*command).out.endswith(f"{out}: unchanged\n")
    other = (*command, "--objective", "huber")
    refused = run(*other)
    assert (refused.code, "E0503" in refused.err) == (1, True)
    (out / "notes.txt").write_text("mine", encoding="utf-8")
    refused = run(*other, "--force")
    assert (refused.code, "is not the folder of an isoFLOP fit" in refused.err) == (1, True)


def test_the_runs_of_llama_3_are_fitted_and_drawn(tmp_path, monkeypatch) -> None:
    """Every run is a point, every budget a curve, and the last line joins the best sizes."""
    drawn, save = [], Figure.savefig

    def noted(figure, *arguments, **options):
        drawn.append(figure)
        save(figure, *arguments, **options)

    monkeypatch.setattr(Figure, "savefig", noted)
    out = tmp_path / "fit"
    assert run("isoflop", "fit", DATA / "llama_3.csv", *FEW, "--out", out).code == 0
    assert json.loads((out / "fit.json").read_text(encoding="utf-8")) == as_json(
        DATA / "llama_3.csv"
    )
    panels = {axes.get_title(): axes for axes in drawn[0].axes}
    for design in fit_isoflop(DATA / "llama_3.csv", resamples=100).designs:
        points, runs = panels[design.name].collections[0].get_offsets(), design.fit.runs
        np.testing.assert_array_equal(points, np.stack([runs.params_R, runs.loss_R], 1))
        *curves, best = panels[design.name].lines
        assert len(curves) == len(best.get_xdata()) == len(set(runs.budget_R))
        assert list(best.get_xdata()) == sorted(best.get_xdata())
    assert len(drawn[1].axes[0].lines) == 2
    for name in ("isoflops.png", "frontier.png"):
        assert min(imread(out / name).shape[:2]) > 400


@pytest.mark.parametrize(
    ("arguments", "code"),
    [(("--at", "-1"), 2), (("--at", "nan"), 2), (("--resamples", "5"), 2),
     (("--objective", "cubes"), 2), (("--where", "params>1e99"), 1)],
)  # fmt: skip
def test_options_that_make_no_sense_are_refused(arguments, code) -> None:
    done = run("isoflop", "fit", DATA / "epochai_chinchilla.csv", *arguments)
    assert done.code == code
    assert "Traceback" not in done.err


def test_a_grid_with_two_sizes_is_refused(tmp_path) -> None:
    rows = [f"{n},{d},{3 + 1 / n / d}" for n in (1, 2) for d in (1, 2, 4)]
    (tmp_path / "two.csv").write_text("params,tokens,loss\n" + "\n".join(rows), encoding="utf-8")
    done = run("isoflop", "fit", tmp_path / "two.csv")
    assert done.code == 1
    assert "error[E1305]" in done.err
    assert "2 sizes; E, A and alpha need at least 3" in done.err


def table(path: Path, heads: str, *columns) -> Path:
    rows = zip(*columns, strict=True)
    path.write_text(
        heads + "\n" + "".join(",".join(map(str, row)) + "\n" for row in rows), encoding="utf-8"
    )
    return path


def test_runs_without_any_trend_get_warnings_and_pictures(tmp_path) -> None:
    runs = SETTINGS["Chinchilla, centred"].runs()
    for name, loss in (("flat", [2.5] * 25), ("rising", 2 + runs.params_R / 1e9)):
        file = table(tmp_path / "runs.csv", "n,d,loss", runs.params_R, runs.tokens_R, loss)
        done = run("isoflop", "fit", file, *FEW, "--out", tmp_path / name)
        assert done.code == 0
        assert "warning: A/N^alpha is zero: the runs do not show this term" in done.out
        assert "N* Approach 2" not in done.out  # no optima
        assert (tmp_path / name / "frontier.png").exists()


def test_any_name_of_a_design_is_drawn_and_no_name_reaches_the_terminal_as_control(
    tmp_path,
) -> None:
    runs = SETTINGS["Chinchilla, centred"].runs(np.random.default_rng(0))
    columns = [[*each, *each] for each in (runs.params_R, runs.tokens_R, runs.loss_R)]
    for names in (["$\\frac$", "_hidden"], ["\x1b[31mred", "plain"]):
        design = np.repeat(names, 25)
        file = table(tmp_path / "runs.csv", "model,n,d,loss", design, *columns)
        done = run("isoflop", "fit", file, *FEW, "--out", tmp_path / "fit")
        if names[1] == "plain":
            assert done.code == 1
            assert "\x1b" not in done.err
            assert "line 2, column 'model': a name holds a control character" in done.err
        else:
            assert done.code == 0
            assert "_hidden against $\\frac$" in done.out
