"""Runs and a comparison to report on: short searches of the table, trials of an agent made up."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models.base import Usage
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.experiments.comparison import Comparison
from aira_dsl.experiments.comparison.analysis import judge_runs
from aira_dsl.study.run import Run, read_run
from aira_dsl.study.settings import AgentSettings

ROOT = Path(__file__).parents[2]
HOSTILE = '<script>alert("x")</script>\x1b[2J\u202egnp.exe\u200b & "quoted"\nsecond line'


def call(complaint: str = "", code: str = "", usd: float | None = 0.01) -> Attempt:
    usage = Usage(input=100, cache_read=1000, output=50)
    return Attempt(
        model="a-model", prompt="0" * 16, answer="{}", complaint=complaint, code=code,
        usage=usage, usd=usd, seconds=2.0,
    )  # fmt: skip


@pytest.fixture(scope="session")
def search(tmp_path_factory: pytest.TempPathFactory) -> Callable[..., Run]:
    def searched(sampler: str = "random", seed: int = 0) -> Run:
        folder = tmp_path_factory.mktemp("run") / "run"
        aira_dsl.search(
            aira_dsl.Space.load(ROOT / "examples/six_layers.arch"), sampler=sampler, budget=20,
            evaluator="table", seed=seed, out=folder, repeats=0,
        )  # fmt: skip
        return read_run(folder)

    return searched


@pytest.fixture(scope="session")
def run(search: Callable[..., Run]) -> Run:
    return search()


@pytest.fixture(scope="session")
def agent_run(run: Run) -> Run:
    """An agent's: two drafts, then improvements, a crossover, a debugged one; two without score."""
    rows = []
    for row in run.rows:
        operation, parents = ("draft", ()) if row.number < 2 else ("improve", (row.number - 1,))
        calls = (call("error[E0203]: <b>no</b>", "E0203"), call()) if row.number == 3 else (call(),)
        rows.append(
            replace(
                row, score=row.score or 0.6, state="COMPLETE", status="ok", message="",
                operation=operation, parents=parents, calls=calls, hypothesis=f"idea {row.number}",
            )
        )  # fmt: skip
    rows[5] = replace(rows[5], operation="crossover", parents=(4, 1), hypothesis=HOSTILE)
    rows[6] = replace(
        rows[6], score=None, state="FAIL", status="invalid", message=HOSTILE, layers=(), pattern="",
        parameters=0, training_flops=0, tasks={}, calls=(call("again", "duplicate"),) * 3,
    )  # fmt: skip
    rows[7] = replace(rows[7], operation="debug", parents=(6,))
    rows[9] = replace(rows[9], score=None, state="FAIL", status="diverged", message="loss is nan")
    for number, repeats in ((3, (0.72, 0.70)), (4, (0.69, 0.71)), (8, (0.30, 0.32))):
        rows[number] = replace(
            rows[number], repeats={str(1 + k): score for k, score in enumerate(repeats)},
            confirmed=sum(repeats) / 2, test_score=0.7,
        )  # fmt: skip
    agent = AgentSettings(policy="greedy", proposer="anthropic", model="a-model", prompts="x")
    settings = run.settings.model_copy(update={"method": "agent", "sampler": None, "agent": agent})
    return replace(run, rows=tuple(rows), settings=settings, seconds=754.2)


@pytest.fixture(scope="session")
def comparison(
    run: Run, search: Callable[..., Run], tmp_path_factory: pytest.TempPathFactory
) -> Comparison:
    """Two samplers, three seeds; final scores made up so that `tpe` is far ahead."""
    groups = {
        "random": [run, *(search("random", seed) for seed in (1, 2))],
        "tpe": [search("tpe", seed) for seed in range(3)],
    }
    tests = {
        (found.best.fingerprint, 100): (0.4 if name == "random" else 0.9) + 0.01 * seed
        for name, runs in groups.items()
        for seed, found in enumerate(runs)
        if found.best
    }
    folder = tmp_path_factory.mktemp("comparison")
    evaluator = Evaluator(groups["tpe"][0].settings.evaluator)
    found = judge_runs(groups, tests, evaluator=evaluator, folder=folder, budget=20)
    found.write(folder)
    return found
