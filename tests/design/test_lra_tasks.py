"""The tasks of the Long Range Arena: their files, and candidates after a moment of training."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.agents.answer import Proposal
from aira_dsl.data.lra.image import ImageSettings
from aira_dsl.data.lra.listops import ListOpsSettings
from aira_dsl.data.lra.pathfinder import PATH_X, PathfinderSettings
from aira_dsl.data.lra.retrieval import RetrievalSettings
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.text import TextSettings
from aira_dsl.design import lra_data
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import read_files
from aira_dsl.design.code_agent.library import LIBRARY
from aira_dsl.design.data import prepare_data
from aira_dsl.design.harness.lra_settings import LraTraining
from aira_dsl.design.judge import growth
from aira_dsl.design.judge.judging import judge
from aira_dsl.design.judgement import Judgement
from aira_dsl.design.request import JudgeRequest
from aira_dsl.design.task import Task, load_task
from aira_dsl.errors import UsageError
from aira_dsl.sandbox import kinds
from tests.design.small_tasks import LONG, SHORT, small_lra, with_steps

TASKS: dict[str, type[LraSettings]] = {
    "lra_listops": ListOpsSettings,
    "lra_text": TextSettings,
    "lra_retrieval": RetrievalSettings,
    "lra_image": ImageSettings,
    "lra_pathfinder": PathfinderSettings,
}
MECHANISMS = ("full", "local", "linear", "ssm", "conv")


def request_for(task: Task, baseline: str, root: Path) -> JudgeRequest:
    data = prepare_data(task, "cpu", seed=1, root=root)
    return JudgeRequest(task, "cpu", task.baselines()[baseline], data, kinds.choose("auto"))


@pytest.fixture(scope="module")
def listops(tmp_path_factory: pytest.TempPathFactory) -> JudgeRequest:
    """Return the request for linear attention in torch on lra_listops."""
    return request_for(small_lra("lra_listops"), "torch_linear", tmp_path_factory.mktemp("data"))


@pytest.fixture
def without_growth(monkeypatch: pytest.MonkeyPatch) -> None:
    """Leave out what starts three processes, where other tests measure growth."""
    monkeypatch.setattr(growth, "measure", lambda session, lengths: None)


@pytest.mark.parametrize("name", TASKS)
def test_every_task_has_every_baseline_in_both_frameworks(name: str) -> None:
    baselines = load_task(name).baselines()
    own = {"grid"} if name == "lra_pathfinder" else set()
    expected = {f"{kind}_{each}" for kind in ("torch", "jax") for each in {*MECHANISMS, *own}}
    assert set(baselines) == expected
    for baseline, candidate in baselines.items():
        assert candidate.framework == baseline.split("_")[0]


@pytest.mark.parametrize("name", TASKS)
def test_candidates_start_from_a_baseline(name: str) -> None:
    task = load_task(name)
    assert task.start.identity in {each.identity for each in task.baselines().values()}


@pytest.mark.parametrize("name", TASKS)
def test_the_settings_of_every_size_fit_its_data(name: str) -> None:
    task = load_task(name)
    for size, limits in task.metadata.sizes.items():
        data = lra_data.settings(TASKS[name], limits)
        training = LraTraining.of(limits.settings, {})
        assert training.vocab_size == data.vocabulary
        assert training.num_classes == data.classes
        assert training.max_len == data.positions
        assert training.qkv_dim % training.num_heads == 0
        assert limits.settings["configurable"] == size.endswith("_configurable")


@pytest.mark.parametrize("name", TASKS)
def test_the_description_tells_the_form_and_the_stand_in(name: str) -> None:
    task = load_task(name)
    for size, limits in task.metadata.sizes.items():
        text = task.description(size)
        assert ("LEARNING_RATE" in text) == limits.settings["configurable"]
        stand_in = limits.settings["data"].get("source") == "stand-in"
        assert ("This is a stand-in" in text) == stand_in


@pytest.mark.parametrize(
    ("size", "lengths"), [("cpu", "(9 to 39 tokens;"), ("paper", "(501 to 1999 tokens;")]
)
def test_the_description_has_the_lengths_that_are_drawn(size: str, lengths: str) -> None:
    task = load_task("lra_listops")
    settings = lra_data.settings(ListOpsSettings, task.size(size))
    assert f"({settings.min_length + 1} to {settings.positions} tokens;" == lengths
    assert lengths in task.description(size)


def test_path_x_is_that_of_the_generator() -> None:
    size = load_task("lra_pathfinder").size("path_x")
    wanted = {name: getattr(PathfinderSettings(train=1, validation=1, test=1, **PATH_X), name)
              for name in PathfinderSettings.model_fields}  # fmt: skip
    found = lra_data.settings(PathfinderSettings, size).model_dump()
    counts = {"train", "validation", "test"}
    assert {n: v for n, v in found.items() if n not in counts} == {
        n: v for n, v in wanted.items() if n not in counts
    }


def test_a_missing_data_set_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRA_DSL_LRA", str(tmp_path))
    with pytest.raises(UsageError, match="the data set imdb is not on this machine") as caught:
        prepare_data(load_task("lra_text"), "paper", root=tmp_path / "data")
    assert caught.value.code == "E0652"


@pytest.mark.slow
def test_an_encoder_in_torch_is_trained_and_scored(listops: JudgeRequest) -> None:
    judgement = judge(replace(listops, task=small_lra("lra_listops", **LONG)))
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["reported_steps"] == 4
    assert judgement.facts["data"] == "generated"
    assert judgement.facts["quadratic"] == 0


@pytest.mark.slow
def test_a_change_of_the_trainer_is_not_detected(
    listops: JudgeRequest, without_growth: None
) -> None:
    judgement = judge(replace(listops, candidate=with_steps(listops.candidate, 8)))
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["reported_steps"] == 8  # of 4 that the size has


def assert_pairs_are_trained(baseline: str, folder: Path) -> Judgement:
    task = small_lra("lra_retrieval", batch_size=8, num_layers=1)
    judgement = judge(request_for(task, baseline, folder))
    assert judgement.status == "ok", judgement.message
    assert judgement.facts["framework"] == baseline.split("_", maxsplit=1)[0]
    assert str(judgement.facts["data"]).startswith("stand-in: ")
    return judgement


@pytest.mark.slow
def test_an_encoder_of_pairs_in_jax_is_trained_and_scored(tmp_path: Path) -> None:
    assert assert_pairs_are_trained("jax_conv", tmp_path).facts["quadratic"] == 0


@pytest.mark.slow
def test_an_encoder_of_pairs_in_torch_is_trained_and_scored(
    tmp_path: Path, without_growth: None
) -> None:
    assert_pairs_are_trained("torch_ssm", tmp_path)


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("import torch\n\n\nclass Encoder(torch.nn.Module): ...\n", "no class CustomEncoder that"),
        ("import flax.linen\n\n\nclass CustomEncoder: ...\n", "no class CustomEncoder that"),
    ],
)
def test_a_model_without_an_encoder_is_named(listops: JudgeRequest, text: str, reason: str) -> None:
    judgement = judge(replace(listops, candidate=Candidate({"model.py": text})))
    assert judgement.status == "crashed"
    assert reason in judgement.message


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status", "reason"),
    [
        ("typing_error", "crashed", "NameError: name 'gate_BDL' is not defined"),
        ("another_name", "crashed", "no class CustomEncoder that"),
        ("not_installed", "crashed", "No module named 'mamba_ssm'"),
        ("diverges", "diverged", "NaN: "),
        ("reads_the_batch", "refused", "not a function of the example: "),
    ],
)
def test_a_recorded_answer_gets_its_verdict(
    listops: JudgeRequest, without_growth: None, name: str, status: str, reason: str
) -> None:
    assert_verdict(listops, name, status, reason)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "status", "reason", "changes"),
    [
        ("a_class_for_every_token", "refused", f"logits of the shape (1, {SHORT}, 10)", {}),
        ("every_pair_of_tokens", "out of memory", "out of memory", {"memory_mib": 1024, **LONG}),
        ("full_attention", "refused", "quadratic: ", LONG),
    ],
)
def test_a_recorded_answer_ends_where_growth_is_measured(
    listops: JudgeRequest, name: str, status: str, reason: str, changes: dict[str, Any]
) -> None:
    task = small_lra("lra_listops", **changes)
    assert_verdict(replace(listops, task=task), name, status, reason)


def assert_verdict(request: JudgeRequest, name: str, status: str, reason: str) -> None:
    path = request.task.folder / LIBRARY / f"{name}.md"
    answer = read_files(path.read_text(encoding="utf-8"), request.task.start)
    assert isinstance(answer, Proposal)
    judgement = judge(replace(request, candidate=answer.candidate))
    assert judgement.status == status, judgement.message
    assert reason in judgement.message
