"""The scripted proposer of a task: recorded answers and changed constants, drawn by seed."""

import random
from pathlib import Path

import pytest

from aira_dsl.agents.answer import Proposal
from aira_dsl.agents.models import Message, Request
from aira_dsl.design.code_agent.answers import files_of, read_files, written
from aira_dsl.design.code_agent.library import LibraryAnswers, recorded_answers
from aira_dsl.design.task import Task, load_task, task_names
from aira_dsl.design.template import write_template
from aira_dsl.errors import InputError


@pytest.fixture
def task(tmp_path: Path) -> Task:
    write_template(tmp_path / "task")
    return load_task(tmp_path / "task")


def request(text: str, seed: int, attempt: int = 0) -> Request:
    return Request(system="", messages=(Message("user", text),), seed=seed, attempt=attempt)


def ask(task: Task, text: str, seed: int, attempt: int = 0) -> str:
    return LibraryAnswers(task)(request(text, seed, attempt), random.Random(seed))


def test_every_answer_can_be_read_and_is_repeatable(task: Task) -> None:
    parent = written(task.start.files)
    for seed in range(30):
        for text in ("draft", parent):
            answer = ask(task, text, seed)
            assert isinstance(read_files(answer, task.start), Proposal)
            assert answer == ask(task, text, seed)


def test_drafts_are_recorded_answers_until_one_is_rejected(task: Task) -> None:
    recorded = recorded_answers(task)
    assert set(recorded) == {"reads_ahead", "trigram", "typing_error"}
    assert {ask(task, "draft", seed) for seed in range(40)} == set(recorded.values())
    assert not {ask(task, "draft", seed, attempt=1) for seed in range(40)} & set(recorded.values())


def test_a_mutation_changes_a_constant_and_nothing_else(task: Task) -> None:
    parent = dict(task.start.files)
    answers = [ask(task, written(parent), seed, attempt=1) for seed in range(20)]
    for answer in answers:
        child = files_of(answer)["train.py"]
        before, after = parent["train.py"].splitlines(), child.splitlines()
        differing = [new for old, new in zip(before, after, strict=True) if old != new]
        assert len(differing) == 1
        assert differing[0].startswith("SMOOTHING = ")
        assert "SMOOTHING changed from 1.0 to" in answer
    assert len(set(answers)) > 2


@pytest.mark.parametrize("name", task_names())
def test_the_library_of_a_task_can_be_read(name: str) -> None:
    recorded_answers(load_task(name))


@pytest.mark.parametrize("answer", [b"no files", b"\xff"])
def test_an_answer_that_cannot_be_read_is_named(answer: bytes, task: Task) -> None:
    (task.folder / "library" / "broken.md").write_bytes(answer)
    with pytest.raises(InputError, match=r"broken\.md") as caught:
        recorded_answers(task)
    assert caught.value.code == "E1215"
