"""Recorded answers that read the validation data find them without a sandbox, and not in one.

The data are in the cache of a home folder, and the candidate looks there instead of in /root.
"""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.agents.answer import Proposal
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import read_files
from aira_dsl.design.code_agent.library import LIBRARY
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge import growth
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task
from aira_dsl.sandbox.kinds import SAFE, obstacle
from aira_dsl.sandbox.spec import Kind
from tests.design.small_tasks import few_steps, small_autoresearch, small_lra

pytestmark = pytest.mark.slow


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.delenv("XDG_CACHE_HOME", raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


@pytest.fixture(params=SAFE)
def sandbox(request: pytest.FixtureRequest) -> Kind:
    if (reason := obstacle(request.param)) is not None:
        pytest.skip(reason)
    return request.param


@pytest.fixture
def listops(home: Path, monkeypatch: pytest.MonkeyPatch) -> JudgeRequest:
    """Return the request for the answer that looks for labels."""
    monkeypatch.setattr(growth, "measure", lambda session, lengths: None)
    task = small_lra("lra_listops")
    return request_for(task, Candidate(recorded(task, home)))


@pytest.fixture
def autoresearch(home: Path) -> JudgeRequest:
    """Return the request for the answer that looks for a text."""
    task = small_autoresearch()
    script = few_steps(recorded(task, home)["train.py"], 3)
    return request_for(task, Candidate({"train.py": script}))


def recorded(task: Task, home: Path) -> Mapping[str, str]:
    text = (task.folder / LIBRARY / "reads_the_answers.md").read_text(encoding="utf-8")
    assert text.count('Path("/root")') == 1
    answer = read_files(text.replace('Path("/root")', f"Path({str(home)!r})"), task.start)
    assert isinstance(answer, Proposal)
    return answer.candidate.files


def request_for(task: Task, candidate: Candidate) -> JudgeRequest:
    return JudgeRequest(task, "cpu", candidate, prepare_data(task, "cpu", seed=1), "none")


def test_labels_are_found_without_a_sandbox(listops: JudgeRequest) -> None:
    judgement = judge(listops)
    assert judgement.score == 1.0, judgement.message


def test_labels_are_not_found_in_a_sandbox(listops: JudgeRequest, sandbox: Kind) -> None:
    judgement = judge(replace(listops, kind=sandbox))
    assert judgement.status == "crashed"
    assert "start-up: FileNotFoundError: no validation data are found" in judgement.message


def test_a_text_is_found_without_a_sandbox(autoresearch: JudgeRequest) -> None:
    judgement = judge(autoresearch)
    assert judgement.status == "ok", judgement.message


def test_a_text_is_not_found_in_a_sandbox(autoresearch: JudgeRequest, sandbox: Kind) -> None:
    judgement = judge(replace(autoresearch, kind=sandbox))
    assert judgement.status == "crashed"
    assert "training: FileNotFoundError: no validation data are found" in judgement.message
