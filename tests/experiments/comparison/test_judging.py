"""Runs that exist: what is said of them, and which are refused."""

import csv
import fcntl
import json
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner, Result

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models.base import Usage
from aira_dsl.errors import AiraError, InputError
from aira_dsl.evaluation.table import Table
from aira_dsl.experiments.comparison import read_comparison
from aira_dsl.experiments.comparison.compare import compare_runs
from aira_dsl.experiments.comparison.compatibility import by_method
from aira_dsl.experiments.comparison.options import ExecutionOptions
from aira_dsl.experiments.comparison.summary import summarise_run
from aira_dsl.study.run import read_run
from aira_dsl.study.settings import AgentSettings
from aira_dsl.study.trials import as_json
from tests.experiments.comparison.runs import planted_table, true_score, write_run

AGENT = AgentSettings(policy="greedy", proposer="local", model="a", prompts="p")


@pytest.fixture
def table(tmp_path: Path) -> Table:
    return planted_table(tmp_path / "table.json")


@pytest.fixture
def compared(tmp_path: Path) -> Callable[..., Result]:
    def run(*runs: Path, out: str = "out") -> Result:
        return CliRunner().invoke(
            app,
            [
                *("compare", "--runs", *map(str, runs), "--out", str(tmp_path / out)),
                *("--table", str(tmp_path / "table.json"), "--store", str(tmp_path / "store.db")),
            ],
        )

    return run


def refusal(result: Result) -> str:
    assert isinstance(result.exception, AiraError), result.output
    return str(result.exception)


def test_a_comparison_says_what_was_planted(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    """One method always ends at good arrangements, the other at bad ones, once at nothing."""
    good = [[0, 40, 80], [10, 79, 20], [78, 5, 6]]
    bad = [[3, 1, 2], [5, None, 4], [None, None, None]]
    runs = [write_run(tmp_path / f"r{s}", table, tried, seed=s) for s, tried in enumerate(good)]
    runs += [
        write_run(tmp_path / f"t{s}", table, tried, seed=s, sampler="tpe")
        for s, tried in enumerate(bad)
    ]
    result = compared(*runs)
    assert result.exit_code == 0, result.output
    found = read_comparison(tmp_path / "out")

    def mean_of(index: int) -> float:
        return float(table.means_A[table.arrangements.index(table.space.layers(index))])

    best_of = {
        tuple(tried): max(
            (i for i in tried if i is not None), key=lambda i: true_score(table.space.layers(i))
        )
        for tried in [*good, *bad[:2]]
    }
    finals = [mean_of(best_of[tuple(tried)]) for tried in good]
    assert found.methods["random"].final is not None
    assert found.methods["random"].final.mean == pytest.approx(np.mean(finals), abs=1e-6)
    assert found.beats["random"]["tpe"].mean == 1
    assert found.beats["tpe"]["random"].mean == 0
    assert found.differ("random", "tpe")
    assert found.reference == pytest.approx(table.means_A.max(), abs=1e-6)
    tpe = found.methods["tpe"]
    assert [run.final is None for run in tpe.runs] == [False, False, True]
    assert tpe.curve == (None, None, None)  # one run never has a score
    assert tpe.normalised is not None
    assert tpe.normalised.mean < 0.1
    scores = [true_score(table.space.layers(i)) for i in good[1]]
    assert found.methods["random"].runs[1].best_so_far == pytest.approx(
        tuple(np.maximum.accumulate(scores)), abs=1e-5
    )
    assert found.methods["random"].runs[0].folder == "../r0"
    assert "random ends better than tpe" in result.output
    assert "1 of 3 runs of tpe has no test score" in result.output
    lines = list(
        csv.DictReader((tmp_path / "out/curves.csv").read_text(encoding="utf-8").splitlines())
    )
    assert len(lines) == 6 * 3
    assert (tmp_path / "out/curves.png").read_bytes().startswith(b"\x89PNG")
    rows = {
        row["method"]: row
        for row in csv.DictReader(
            (tmp_path / "out/methods.csv").read_text(encoding="utf-8").splitlines()
        )
    }
    assert float(rows["random"]["final_test"]) == pytest.approx(np.mean(finals), abs=1e-6)


def test_methods_that_end_alike_do_not_differ(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    runs = [write_run(tmp_path / f"r{s}", table, [70 + s, 1], seed=s) for s in range(3)]
    runs += [
        write_run(tmp_path / f"t{s}", table, [1, 72 - s], seed=s, sampler="tpe") for s in range(3)
    ]
    result = compared(*runs)
    found = read_comparison(tmp_path / "out")
    assert found.differences["random"]["tpe"] is not None
    assert found.differences["random"]["tpe"].mean == pytest.approx(0, abs=1e-9)
    assert found.noise_floor["random"]["tpe"] == pytest.approx(0, abs=1e-9)
    assert not found.differ("tpe", "random")
    assert "no significant difference between random and tpe" in result.output


def test_one_run_is_no_evidence(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    one = write_run(tmp_path / "one", table, [80], seed=0)
    two = write_run(tmp_path / "two", table, [0], seed=0, sampler="tpe")
    result = compared(one, two)
    assert not read_comparison(tmp_path / "out").differ("random", "tpe")
    assert (
        "no significant difference between random and tpe (a method has one run)" in result.output
    )
    assert "the variation between runs is not known" in result.output


def test_an_agent_is_charged_for_what_it_proposes_in_vain(tmp_path: Path, table: Table) -> None:
    folder = write_run(
        tmp_path / "a", table, [5, 5, 7], seed=0, method="agent", sampler=None, agent=AGENT
    )
    rows = list(read_run(folder).rows)

    def call(code: str, tokens: int) -> Attempt:
        return Attempt(
            model="a", prompt="0", answer="", complaint=code, code=code, usd=0.5, seconds=1.0,
            usage=Usage(input=tokens),
        )  # fmt: skip

    def changed(place: int, **facts: object) -> None:
        rows[place] = type(rows[place])(**{**rows[place].__dict__, **facts})

    changed(0, calls=(call("", 10),))
    changed(
        1, state="FAIL", status="duplicate", fingerprint="", score=None, layers=(),
        calls=(call("E0201", 20), call("duplicate", 30), call("duplicate", 40)),
    )  # fmt: skip
    changed(2, calls=(call("duplicate", 1), call("", 2)))
    (folder / "trials.json").write_text(as_json(rows), encoding="utf-8")
    summary = summarise_run(read_run(folder), [0.5, 0.7], budget=5, folder="a")
    assert summary.valid_rate == pytest.approx(2 / 3)
    assert summary.first_try_rate == pytest.approx(1 / 3)
    assert (summary.duplicates, summary.calls, summary.tokens) == (3, 6, 103)
    assert summary.usd == 3.0
    assert summary.distinct == 2
    assert summary.final == pytest.approx(0.6)
    assert len(summary.best_so_far) == 5
    assert summary.best_so_far[2:] == (summary.best_so_far[2],) * 3


def test_agents_of_one_policy_are_told_apart_by_what_differs(tmp_path: Path, table: Table) -> None:
    runs = [
        read_run(
            write_run(
                tmp_path / f"{model}{seed}", table, [5], seed=seed, method="agent", sampler=None,
                agent=AGENT.model_copy(update={"model": model}),
            )
        )
        for model in "ab"
        for seed in (1, 0)
    ]  # fmt: skip
    groups = by_method(runs)
    assert list(groups) == ["agent-greedy-local model=a", "agent-greedy-local model=b"]
    assert [run.settings.seed for run in groups["agent-greedy-local model=a"]] == [0, 1]
    assert list(by_method(runs[:2])) == ["agent-greedy-local"]


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"code_version": "other"}, ("E0822", "code version: 'table ")),
        ({"prune": 0.0}, ("E0822", "prune: 0.25 and 0.0")),
        ({"evaluator_identity": "x"}, ("E0822", "evaluator identity: ")),
        ({"constraints": ["A<=1"]}, ("E0822", "constraints: [] and ['A<=1']")),
        ({"space": "other"}, ("E0822", "space: 'tiny' and 'other'")),
        ({"indices": [1, 2, 3]}, ("E0823", "2 trials")),
        ({"seed": 0}, ("E0823", "the same run")),
    ],
)
def test_runs_that_can_not_be_compared_are_refused_and_the_difference_named(
    change: dict[str, object], told: tuple[str, str], tmp_path: Path, table: Table,
    compared: Callable[..., Result],
) -> None:  # fmt: skip
    one = write_run(tmp_path / "one", table, [1, 2], seed=0)
    indices = change.pop("indices", [1, 2])
    seed = change.pop("seed", 1)
    two = write_run(tmp_path / "two", table, indices, seed=seed)  # type: ignore[arg-type]
    record = json.loads((two / "settings.json").read_text(encoding="utf-8"))
    if "space" in change:
        change = {"space": record["space"] | {"name": change["space"]}}
    (two / "settings.json").write_text(json.dumps(record | change), encoding="utf-8")
    refused = refusal(compared(one, two))
    assert all(part in refused for part in told)
    assert not (tmp_path / "out").exists()


def test_a_run_that_another_table_judged_is_refused(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    one = write_run(tmp_path / "one", table, [1, 2], seed=0, code="table 0123456789abcdef")
    assert "E0824" in refusal(compared(one))


def test_damaged_folders_are_refused(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    one = write_run(tmp_path / "one", table, [1, 2], seed=0)
    text = (one / "trials.json").read_text(encoding="utf-8")
    (one / "trials.json").write_text(text[:-20], encoding="utf-8")
    assert "E0811" in refusal(compared(one))
    (one / "trials.json").write_text(text, encoding="utf-8")
    assert compared(one).exit_code == 0
    verdict = tmp_path / "out/comparison.json"
    for content in (verdict.read_text(encoding="utf-8")[:-30], "[]", '{"format": 2}', "\0"):
        verdict.write_text(content, encoding="utf-8")
        with pytest.raises(InputError, match="damaged") as caught:
            read_comparison(tmp_path / "out")
        assert caught.value.code == "E0821"
    with pytest.raises(InputError, match="cannot be read"):
        read_comparison(tmp_path / "one")
    assert compared(one).exit_code == 0  # written again
    assert read_comparison(tmp_path / "out").budget == 2


def test_folders_of_others_are_left_alone(
    tmp_path: Path, table: Table, compared: Callable[..., Result]
) -> None:
    one = write_run(tmp_path / "one", table, [1, 2], seed=0)
    (tmp_path / "file").write_text("mine", encoding="utf-8")
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/thesis.tex").write_text("mine", encoding="utf-8")
    for name in ("file", "folder", "one"):
        assert "E0828" in refusal(compared(one, out=name))
    assert (tmp_path / "folder/thesis.tex").read_text(encoding="utf-8") == "mine"
    assert compared(one).exit_code == 0
    with (tmp_path / "out/.lock").open(encoding="utf-8") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        assert "E0826" in refusal(compared(one))
    two = write_run(tmp_path / "two", table, [1, 2], seed=1)
    told = refusal(compared(one, two))
    assert "E0827" in told
    assert "runs: " in told


def test_other_seeds_than_those_of_searches_decide(tmp_path: Path, table: Table) -> None:
    """With a table the final score is the mean over its columns, whatever a run's own seed."""
    paths = [write_run(tmp_path / f"r{s}", table, [33], seed=s) for s in range(4)]
    execution = ExecutionOptions(
        out=tmp_path / "out", jobs=1, store=tmp_path / "s.db", table=tmp_path / "table.json"
    )
    found = compare_runs(paths, execution, repeats=2)
    expected = table.means_A[table.arrangements.index(table.space.layers(33))]
    assert found.test_seeds == (0, 1, 2)
    for run in found.methods["random"].runs:
        assert run.final_test == pytest.approx((expected,) * 3)
    assert found.methods["random"].normalised is not None or found.worst == found.reference
