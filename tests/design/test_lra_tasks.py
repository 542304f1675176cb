"""The tasks of the Long Range Arena: their files, and candidates after a moment of training."""

from dataclasses import replace

import pytest

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import prepare_data
from aira_dsl.design.harness.lra_settings import LraTraining
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task, task_names
from aira_dsl.sandbox import kinds

TASKS = [name for name in task_names() if name.startswith("lra_")]


def shortened(name: str, **settings: object) -> Task:
    """Return a task whose size `cpu` trains for a few steps."""
    task = load_task(name)
    cpu = task.size("cpu")
    few = {"num_train_steps": 4, "growth_length": 1024, **settings}
    short = cpu.model_copy(update={"settings": {**cpu.settings, **few}})
    return Task(task.folder, task.metadata.model_copy(update={"sizes": {"cpu": short}}))


@pytest.fixture(scope="module")
def listops(tmp_path_factory: pytest.TempPathFactory) -> JudgeRequest:
    """Return the request for the starting files of lra_listops."""
    task = shortened("lra_listops")
    small = {**task.size("cpu").settings["data"], "train": 64, "validation": 32, "test": 32}
    task = shortened("lra_listops", data=small)
    data = prepare_data(task, "cpu", seed=1, root=tmp_path_factory.mktemp("data"))
    return JudgeRequest(task, "cpu", task.start, data, kinds.choose("auto"))


@pytest.mark.parametrize("name", TASKS)
def test_candidates_start_from_a_baseline(name: str) -> None:
    task = load_task(name)
    assert task.start.identity in {each.identity for each in task.baselines().values()}


@pytest.mark.parametrize("name", TASKS)
def test_the_settings_of_every_size_are_complete(name: str) -> None:
    task = load_task(name)
    for size, limits in task.metadata.sizes.items():
        training = LraTraining.of(limits.settings, {})
        assert training.emb_dim % training.num_heads == 0
        assert str(training.num_train_steps) in task.description(size)


@pytest.mark.slow
def test_an_encoder_in_torch_is_trained_and_scored(listops: JudgeRequest) -> None:
    judgement = judge(listops)
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["framework"] == "torch"
    assert judgement.facts["reported_steps"] == 4
    assert judgement.facts["data"] == "generated"
    assert judgement.facts["quadratic"] == 0


@pytest.mark.slow
def test_full_attention_is_refused(listops: JudgeRequest) -> None:
    judgement = judge(replace(listops, candidate=listops.task.baselines()["torch_full"]))
    assert judgement.status == "refused"
    assert judgement.message.startswith("quadratic: ")


def test_a_model_without_an_encoder_is_named(listops: JudgeRequest) -> None:
    text = "import torch\n\n\nclass Encoder(torch.nn.Module):\n    pass\n"
    judgement = judge(replace(listops, candidate=Candidate({"model.py": text})))
    assert judgement.status == "crashed"
    assert "model.py defines no class CustomEncoder" in judgement.message
