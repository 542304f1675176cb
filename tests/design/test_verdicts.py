"""Every broken or cheating candidate gets a judgement, and the right one."""

import math
from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.sandbox import kinds
from tests.design.cases import CASES, Case, script

TASK = Path(__file__).parent / "tasks" / "words"


@pytest.fixture(scope="session")
def honest(tmp_path_factory):
    """Return the request for the honest candidate."""
    task = load_task(TASK)
    data = prepare_data(task, "tiny", seed=1, root=tmp_path_factory.mktemp("data"))
    candidate = Candidate({"train.py": script()})
    return JudgeRequest(task, "tiny", candidate, data, kinds.choose("auto"))


@pytest.fixture(scope="session")
def honest_score(honest):
    judgement = judge(honest)
    assert judgement.status == "ok", judgement
    return judgement.score


def with_limit(task: Task, phase: str) -> Task:
    """Return the task with two seconds for a phase: the others have a minute."""
    update = {} if phase == "loading" else {f"{phase.replace('-', '')}_seconds": 2.0}
    tiny = task.size("tiny").model_copy(update=update)
    return Task(task.folder, task.metadata.model_copy(update={"sizes": {"tiny": tiny}}))


def judgement_of(honest: JudgeRequest, case: Case):
    """Return the judgement of a case; only one that must be over time has little of it."""
    files = {
        name: text.replace("{data}", str(honest.data.path)) for name, text in case.files.items()
    }
    task = honest.task
    if case.status == "over time":
        task = with_limit(task, case.reason.removeprefix("over time: ").split()[0])
    return judge(replace(honest, task=task, candidate=Candidate(files)))


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(case, id=case.name, marks=[pytest.mark.slow] if case.slow else [])
        for case in CASES
    ],
)
def test_the_candidate(case, honest, honest_score):
    judgement = judgement_of(honest, case)
    assert judgement.status == case.status, judgement.message
    if case.status == "ok":
        assert judgement.score == pytest.approx(honest_score, abs=1e-6)
        assert judgement.reasons == ()
    else:
        assert judgement.score is None
        assert case.reason in judgement.message
        if case.name.startswith("tells"):  # no word more: an agent reads the message
            assert judgement.message == case.reason
        assert judgement.reasons == (judgement.message,)


def with_limits(request, **limits):
    """The request, of a task whose size has other limits."""
    tiny = request.task.size("tiny").model_copy(update=limits)
    metadata = request.task.metadata.model_copy(update={"sizes": {"tiny": tiny}})
    return replace(request, task=Task(request.task.folder, metadata))


def busy_until(seconds):
    """Return code that computes until its process has used this much CPU time."""
    return f"while time.process_time() < {seconds}: pass"


def test_the_cpu_time_of_a_training_is_a_fact(honest):
    """Of all processes, without the start-up."""
    works = "end = time.process_time() + {}\n" + busy_until("end")
    child = f"if not os.fork():\n    {busy_until(1)}\n    os._exit(0)\nos.wait()"
    text = script(before=works.format(3), after=f"{child}\n{works.format(1.5)}")
    judgement = judge(replace(honest, candidate=Candidate({"train.py": text})))
    assert judgement.status == "ok", judgement
    itself = judge(honest).facts["training_cpu_seconds"]
    assert itself + 2 < judgement.facts["training_cpu_seconds"] < itself + 4


def test_a_training_has_a_limit_of_cpu_time(honest):
    """Else a candidate could use all cores of a machine."""
    itself = judge(honest).facts["training_cpu_seconds"]
    limit = math.ceil(2 * itself) + 1  # a machine is not equally fast at all times
    limited = with_limits(honest, training_cpu_seconds=limit)
    assert judge(limited).status == "ok"
    child = f"if not os.fork():\n    {busy_until(limit + 1)}\n    os._exit(0)\nos.wait()"
    working = Candidate({"train.py": script(after=child)})
    judgement = judge(replace(limited, candidate=working))
    assert judgement.status == "over time"
    assert judgement.message.startswith("over time: the training took ")
    assert f"s of CPU time; the limit is {limit} s" in judgement.message


@pytest.mark.parametrize(
    "work",
    [busy_until(4), f"if not os.fork():\n    {busy_until(4)}\n    os._exit(0)\nos.wait()"],
    ids=["itself", "in a process that ends"],
)
def test_a_start_up_has_a_limit_of_cpu_time(work, honest):
    """Else a candidate could train on what it can read before the clock starts."""
    limited = with_limits(honest, startup_cpu_seconds=3.0)
    assert judge(limited).status == "ok"
    working = Candidate({"train.py": script(before=work)})
    judgement = judge(replace(limited, candidate=working))
    assert judgement.status == "over time"
    assert judgement.message.startswith("over time: start-up took ")
    assert "s of CPU time; the limit is 3 s" in judgement.message
