"""Comparisons of methods that write code: statistics of planned runs, and real runs of a task."""

import json
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.experiments.comparison import DesignComparison, read_any_comparison
from aira_dsl.experiments.comparison.compare import compare_runs
from aira_dsl.experiments.comparison.design_plan import DesignComparisonPlan
from aira_dsl.experiments.comparison.methods import parse_methods
from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedDesignOptions,
    ComparedOptions,
    ExecutionOptions,
)
from aira_dsl.report.html import render_design_comparison, report_of
from aira_dsl.report.terminal.design_comparison import design_comparison_text
from aira_dsl.sandbox.kinds import obstacle
from tests.report.design_runs import START, write_run, written
from tests.report.test_page import attached, words
from tests.study.conftest import Cli, cli

__all__ = ["cli"]

SCORES = {"greedy": (0.01, 0.1), "mcts": (0.1, None), "oneshot": (None, 1.0)}
"""Test scores of the two seeds of each policy; lower is better, 0 is perfect."""


def a_run(folder: Path, policy: str, seed: int, test: float | None, **more: Any) -> Path:
    """Write a run of two candidates, of which one has a score, unless `test` is None."""
    code = {"train.py": START["train.py"] + f"# {policy} {seed}\n"}
    trials = [written(0, {"train.py": f"1 + # {policy} {seed}\n"}, score=None)]
    repeats = {"7": test, "8": test}
    trials.append(
        written(1, code, score=test, confirmed=test, repeats=repeats, test_score=test)
        if test is not None
        else written(1, code, score=None)
    )
    path = folder / f"{more.get('task', 'counting')}-{policy}-{seed}"
    write_run(path, trials[1:] if policy == "oneshot" else trials, seed=seed, policy=policy, **more)
    return path


def planned(folder: Path, **more: Any) -> list[Path]:
    return [
        a_run(folder, policy, seed, test, **more)
        for policy, tests in SCORES.items()
        for seed, test in enumerate(tests)
    ]


def compared(paths: list[Path], out: Path) -> DesignComparison:
    found = compare_runs(paths, ExecutionOptions(out=out), repeats=2)
    assert isinstance(found, DesignComparison)
    return found


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> DesignComparison:
    folder = tmp_path_factory.mktemp("compared")
    return compared(planned(folder), folder / "out")


def test_rates_and_scale_are_those_of_the_formula(found: DesignComparison) -> None:
    greedy, mcts, oneshot = (found.methods[f"agent-{name}-scripted"] for name in SCORES)
    assert [each.valid_runs.mean for each in (greedy, mcts, oneshot)] == [1.0, 0.5, 0.5]
    assert [each.valid_candidates.mean for each in (greedy, mcts, oneshot)] == [0.5, 0.25, 0.5]
    task = found.tasks["counting"]
    # φ is 0 at 1.0, the worst, 1 at 0.1, 2 at 0.01, the best; a run without a score counts 0.
    assert (task.worst, task.reference) == (1.0, 0.01)
    normalised = {
        name: [run.normalised for run in task.methods[f"agent-{name}-scripted"].runs]
        for name in SCORES
    }
    assert normalised["greedy"] == pytest.approx([1.0, 0.5])
    assert normalised["mcts"] == pytest.approx([0.5, 0.0])
    assert normalised["oneshot"] == pytest.approx([0.0, 0.0])
    assert greedy.normalised
    assert greedy.normalised.mean == pytest.approx(0.75)
    assert greedy.usd == pytest.approx(0.5)  # two calls of 25 cents in each run
    assert found.scripted


def test_the_baseline_of_a_task_is_the_reference_unless_no_run_is_worse(tmp_path: Path) -> None:
    paths = planned(tmp_path)
    for baseline, reference in ((0.1, 0.1), (2.0, 0.01)):
        scale = json.dumps({"optimum": 0.0, "baselines": {"plain": baseline, "weak": 3.0}})
        for path in paths:
            (path / "task.json").write_text(scale, encoding="utf-8")
        task = compared(paths, tmp_path / f"out{baseline}").tasks["counting"]
        assert task.reference == reference
    best = compared(paths[:1], tmp_path / "one").tasks["counting"]
    assert best.methods["agent-greedy-scripted"].normalised is None  # no scale of one score


def test_reaching_the_optimum_is_the_best_there_is(tmp_path: Path) -> None:
    more: dict[str, Any] = {"direction": Direction.MAXIMIZE, "baseline": (0.5, 0.5)}
    tests = (("greedy", 1.0), ("mcts", 0.9), ("evolution", 0.5))
    paths = [a_run(tmp_path, policy, 0, test, **more) for policy, test in tests]
    for path in paths:
        (path / "task.json").write_text('{"optimum": 1.0}', encoding="utf-8")
    methods = compared(paths, tmp_path / "out").tasks["counting"].methods
    values = [method.runs[0].normalised for method in methods.values()]
    assert values[0] == 1.0
    assert values[2] == 0.0
    assert 0.2 < (values[1] or 0.0) < 0.3


def test_improvements_below_noise_are_not_counted(tmp_path: Path) -> None:
    paths = [
        a_run(tmp_path, "greedy", 0, 1.5, baseline=(2.0, 2.02, 1.98)),
        a_run(tmp_path, "greedy", 1, 1.97, baseline=(2.0, 2.02, 1.98)),
    ]
    found = compared(paths, tmp_path / "out")
    runs = found.tasks["counting"].methods["agent-greedy-scripted"].runs
    assert [run.improved for run in runs] == [True, False]
    assert [run.gain for run in runs] == pytest.approx([0.5, 0.03])
    assert found.methods["agent-greedy-scripted"].improved.mean == 0.5


def test_tasks_count_the_same(tmp_path: Path) -> None:
    paths = [*planned(tmp_path), a_run(tmp_path, "greedy", 0, 5.0, task="other")]
    found = compared(paths, tmp_path / "out")
    assert list(found.tasks) == ["counting", "other"]
    assert list(found.tasks["other"].methods) == ["agent-greedy-scripted"]
    assert found.methods["agent-greedy-scripted"].runs == 3


def test_page_and_text_say_what_the_record_says(found: DesignComparison) -> None:
    page = render_design_comparison(found)
    text = words(page)
    for part in (
        "3 methods write code for counting",
        "No language model took part",
        "Over all tasks",
        "Which method ends better: counting",
        "on this task at size tiny",
    ):
        assert part in text, part
    assert DesignComparison.model_validate_json(attached(page, "comparison.json")) == found
    assert "valid_runs" in attached(page, "methods.csv")
    assert "normalised" in attached(page, "runs-counting.csv")
    assert page == render_design_comparison(found)
    told = design_comparison_text(found)
    assert "no language model took part" in told
    assert "agent-greedy-scripted" in told


def test_a_method_without_a_test_score_has_no_gain(tmp_path: Path) -> None:
    paths = [a_run(tmp_path, "greedy", 0, 1.0), a_run(tmp_path, "mcts", 0, None)]
    told = design_comparison_text(compared(paths, tmp_path / "out"))
    assert "gain over the baseline unknown: no test score in 1 run\n" in told
    assert "unknown at most" not in told


def test_a_comparison_is_read_back_from_its_folder(tmp_path: Path) -> None:
    found = compared(planned(tmp_path), tmp_path / "out")
    assert read_any_comparison(tmp_path / "out") == found
    assert report_of(tmp_path / "out").page == render_design_comparison(found)


def test_runs_that_were_judged_differently_are_refused(tmp_path: Path) -> None:
    paths = [a_run(tmp_path, "greedy", 0, 1.0), a_run(tmp_path, "mcts", 1, 1.0, baseline=(1.0,))]
    with pytest.raises(InputError, match=r"E0822.*baseline: 3 and 1"):
        compared(paths, tmp_path / "out")
    with pytest.raises(InputError, match=r"E0823.*same run"):
        compared([paths[0], paths[0]], tmp_path / "out")
    short = a_run(tmp_path / "short", "mcts", 0, 1.0)
    rows = json.loads((short / "trials.json").read_text(encoding="utf-8"))
    (short / "trials.json").write_text(json.dumps(rows[1:]), encoding="utf-8")
    with pytest.raises(InputError, match=r"E0823.*2 trials.* 1"):
        compared([paths[0], short], tmp_path / "out")


@pytest.mark.parametrize(
    ("methods", "options", "code"),
    [("random", {}, "E0825"), ("agent-greedy:scripted", {"preset": "paper"}, "E0809")],
)
def test_options_of_searches_are_refused(methods: str, options: Any, code: str) -> None:
    with pytest.raises(UsageError) as caught:
        DesignComparisonPlan(
            parse_methods(methods), ComparedDesignOptions(task=("autoresearch",)),
            ComparedOptions(**options), ComparedAgentOptions(), ExecutionOptions(out=Path("out")),
        )  # fmt: skip
    assert caught.value.code == code


@pytest.mark.slow
@pytest.mark.skipif(obstacle("bubblewrap") is not None, reason=str(obstacle("bubblewrap")))
def test_real_runs_are_made_kept_and_extended(cli: Cli) -> None:
    assert cli.run_here("design", "new", "task").code == 0
    options = (
        *("compare", "--task", "task", "--data", "data", "--data-seed", 3, "--budget", 2),
        *("--repeats", 1, "--baseline", 2, "--out", "out"),
    )
    first = cli.run_here(*options, "--methods", "agent-greedy:scripted", "--seeds", 1)
    assert first.code == 0, first.err
    run = cli.folder / "out/runs/task-agent-greedy-scripted-s0"
    before = (run / "trials.json").read_bytes()
    methods = "agent-greedy:scripted,agent-oneshot:scripted"
    more = cli.run_here(*options, "--methods", methods, "--seeds", 1, "--format", "json")
    found = DesignComparison.model_validate_json(more.out)
    assert (run / "trials.json").read_bytes() == before
    assert [each.runs for each in found.methods.values()] == [1, 1]
    trials = [method.runs[0].trials for method in found.tasks["task"].methods.values()]
    assert trials == [2, 1]
    assert "Over all tasks" in (cli.folder / "out/report.html").read_text(encoding="utf-8")
