"""The task autoresearch: its files, and one candidate judged for a moment."""

from pathlib import Path

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.sandbox import kinds
from tests.design.small_tasks import few_steps, small_autoresearch


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("autoresearch")


def test_candidates_start_from_the_better_baseline(task: Task) -> None:
    assert task.start.identity == task.baselines()["muon"].identity
    assert set(task.baselines()) == {"adamw", "muon"}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        (
            "cpu",
            ["60 seconds", "2 CPU cores", "16 MiB", "3 % of", "are bytes", "to 256 tokens"],
        ),
        (
            "h100",
            ["300 seconds", "one GPU", "4096 MiB", "ClimbMix", "to 2048", "20971520 tokens"],
        ),
    ],
)
def test_the_description_has_the_numbers_of_a_size(task: Task, size: str, words: list[str]) -> None:
    text = task.description(size)
    assert [word for word in words if word not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_baseline_learns(name: str, tmp_path: Path) -> None:
    task = small_autoresearch()
    data = prepare_data(task, "cpu", seed=1, root=tmp_path)
    script = few_steps(task.baselines()[name].files["train.py"], 40)
    candidate = Candidate({"train.py": script})
    judgement = judge(JudgeRequest(task, "cpu", candidate, data, kinds.choose("auto")))
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["reported_steps"] == 40
    assert judgement.score is not None
    assert 1.0 < judgement.score < 5.0  # 8 is chance
    assert judgement.facts["scored_bytes"] == 16_384
