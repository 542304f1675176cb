"""One rule for the best trial, and everything that names a best trial obeys it."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner

import aira_dsl
from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.run import read_run
from aira_dsl.study.selection import best, confirm, rank
from aira_dsl.study.trials import Trial
from tests.study.test_files import FAILED, OK

SIX = Path(__file__).parents[2] / "examples" / "six_layers.arch"


@pytest.mark.parametrize("direction", Direction)
def test_a_direction_orders_scores_and_nothing_else(direction: Direction) -> None:
    good, bad = (0.9, 0.1) if direction is Direction.MAXIMIZE else (0.1, 0.9)
    assert direction.better(good, bad)
    assert not direction.better(bad, good)
    assert not direction.better(good, good)
    assert (direction.best([bad, good]), direction.worst([bad, good])) == (good, bad)
    assert direction.best([]) is None
    assert direction.sign * good > direction.sign * bad


def scored(number: int, score: float, *repeats: float | None) -> Trial:
    by_seed = {str(seed): value for seed, value in enumerate(repeats, 1)}
    return replace(OK, number=number, score=score, fingerprint=f"f{number}", repeats=by_seed)


@pytest.mark.parametrize("direction", Direction)
def test_winners_are_ranked_by_their_repeats_and_former_winners_by_their_score(
    direction: Direction,
) -> None:
    sign = direction.sign
    trials = [
        scored(0, sign * 0.1),
        scored(1, sign * 0.9, sign * 0.5),
        scored(2, sign * 0.8, sign * 0.75),
        scored(3, sign * 0.7, sign * 0.99),  # a winner of a smaller budget
        replace(FAILED, number=4),
    ]
    order = rank(confirm(trials, direction, 2), direction)
    assert [trial.number for trial in order] == [2, 1, 3, 0]
    assert [trial.confirmed for trial in order] == [sign * 0.75, sign * 0.5, None, None]
    assert order[2].repeats == {"1": sign * 0.99}
    assert confirm(order, direction, 3)[2].confirmed == sign * 0.99


def test_a_winner_of_which_a_repeat_failed_comes_after_the_confirmed_ones() -> None:
    trials = [scored(0, 0.9, 0.8, None), scored(1, 0.8, 0.2, 0.3), scored(2, 0.7)]
    order = rank(confirm(trials, Direction.MAXIMIZE, 2), Direction.MAXIMIZE)
    assert [trial.number for trial in order] == [1, 0, 2]


def test_of_equal_trials_the_earlier_is_the_best() -> None:
    trials = [scored(2, 0.5), scored(1, 0.5), scored(3, 0.4)]
    assert [trial.number for trial in rank(trials, Direction.MAXIMIZE)] == [1, 2, 3]
    assert best([FAILED], Direction.MAXIMIZE) is None


def test_a_search_that_grows_names_one_best_everywhere(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The winner of the smaller budget has a better mean than the winner of the larger one."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("AIRA_DSL_STORE", str(tmp_path / "store.db"))
    command = ["search", str(SIX), "--evaluator", "table", "--sampler", "random", "--winners", "1"]
    command += ["--seed", "2", "--workers", "1", "--out"]
    for folder, budget in (("grown", "4"), ("grown", "16"), ("at once", "16")):
        done = CliRunner().invoke(app, [*command, folder, "--budget", budget])
        assert done.exit_code == 0, done.output
    lines = done.stdout.splitlines()
    first = lines[next(n for n, line in enumerate(lines) if line.startswith("   score")) + 1]

    run = read_run(tmp_path / "grown")
    assert run.best is not None
    former = [trial for trial in run.rows if trial.repeats and trial is not run.best]
    assert former  # else the case shows nothing
    assert sum(trial.confirmed is not None for trial in run.rows) == 1
    assert first.endswith(run.best.pattern)
    assert aira_dsl.load(run.folder / "best.arch").pattern == run.best.pattern

    told = json.loads(invoke("report", "grown", "--format", "json"))
    assert told["top"][0]["number"] == run.best.number
    aggregated = json.loads(invoke("aggregate", "grown", "--top", "1", "--format", "json"))
    assert aggregated["fingerprint"] == run.best.fingerprint
    at_once = read_run(tmp_path / "at once")
    assert at_once.best is not None
    assert at_once.best.number == run.best.number
    table = csv.DictReader(io.StringIO((run.folder / "trials.csv").read_text(encoding="utf-8")))
    assert [row["number"] for row in table if row["confirmed"]] == [str(run.best.number)]


def invoke(*arguments: str) -> str:
    done = CliRunner().invoke(app, arguments)
    assert done.exit_code == 0, done.output
    return done.stdout


@pytest.mark.parametrize("out", [["--out", "run"], []])
def test_a_search_keeps_its_sampler_when_its_budget_grows(
    out: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`gp` is the default up to 300 evaluations, `tpe` is that of larger budgets."""
    monkeypatch.chdir(tmp_path)
    command = ["search", str(SIX), "--evaluator", "table", "--where", "A>=5", "--repeats", "0"]
    command += ["--workers", "1", *out]
    invoke(*command, "--budget", "2")
    told = json.loads(invoke(*command, "--budget", "301", "--format", "json"))
    settings = json.loads((tmp_path / told["folder"] / "settings.json").read_text(encoding="utf-8"))
    assert settings["sampler"] == "gp"
    assert told["ended"]
    assert len(list((tmp_path / "runs").glob("*"))) == (not out)
