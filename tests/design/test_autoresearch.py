"""The task autoresearch: its files, and one candidate judged for a moment."""

from pathlib import Path

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.sandbox import kinds


@pytest.fixture(scope="module")
def task() -> Task:
    return load_task("autoresearch")


def test_candidates_start_from_the_better_baseline(task: Task) -> None:
    assert task.start.identity == task.baselines()["muon"].identity
    assert set(task.baselines()) == {"adamw", "muon"}


@pytest.mark.parametrize(
    ("size", "words"),
    [
        ("cpu", ["60 seconds", "2 CPU cores", "Tokens are bytes", "up to 256 tokens"]),
        ("h100", ["300 seconds", "one GPU", "ClimbMix", "up to 2048 tokens", "20971520 tokens"]),
    ],
)
def test_the_description_has_the_numbers_of_a_size(task: Task, size: str, words: list[str]) -> None:
    text = task.description(size)
    assert [word for word in words if word not in text] == []


@pytest.mark.slow
@pytest.mark.parametrize("name", ["muon", "adamw"])
def test_a_baseline_learns(task: Task, name: str, tmp_path: Path) -> None:
    cpu = task.size("cpu")
    settings = {**cpu.settings, "corpus": "python-reference", "eval_tokens": 16_384}
    # Limits that a machine at a tenth of the speed keeps.
    limits = {"training_seconds": 600.0, "startup_seconds": 600.0, "scoring_seconds": 3000.0}
    short = cpu.model_copy(update={"settings": settings, **limits})
    metadata = task.metadata.model_copy(update={"sizes": {"cpu": short}})
    task = Task(task.folder, metadata)
    data = prepare_data(task, "cpu", seed=1, root=tmp_path)
    script = task.baselines()[name].files["train.py"]
    # Some steps of one thread instead of some seconds of two: other work of the machine changes
    # neither the score nor how much of the processor a step takes.
    for old, new in (("+ last_step < 1:", "< 1 and steps < 40:"), ("threads(2)", "threads(1)")):
        assert old in script
        script = script.replace(old, new)
    candidate = Candidate({"train.py": script})
    judgement = judge(JudgeRequest(task, "cpu", candidate, data, kinds.choose("auto")))
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["reported_steps"] == 40
    assert judgement.score is not None
    assert 1.0 < judgement.score < 5.0  # 8 is chance
    assert judgement.facts["scored_bytes"] == 16_384
