"""At the end: an export that transformers loads, TensorBoard's log, a worker's result."""

import json
import sys
import time
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.data.tokens.rows import Rows
from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.accuracy.model import model_folder
from aira_dsl.interop.standalone import source
from aira_dsl.pretraining.callbacks import Callbacks
from aira_dsl.pretraining.checkpoints import Checkpoints
from aira_dsl.pretraining.folder import read_result
from aira_dsl.pretraining.position import Position
from aira_dsl.pretraining.run import train
from aira_dsl.pretraining.worker import run as work
from tests.pretraining.runs import lines, losses, settings


@pytest.mark.slow
def test_transformers_loads_a_trained_model_and_writes_text(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    given = settings(tmp_path, steps=30, batch=16)
    result = train(given, tmp_path / "run")
    folder = str(tmp_path / "run/export")
    tokenizer = transformers.AutoTokenizer.from_pretrained(folder)
    model = transformers.AutoModelForCausalLM.from_pretrained(folder, trust_remote_code=True)
    prompt = tokenizer("A model is a ", return_tensors="pt").input_ids
    written = model.generate(prompt, max_new_tokens=12, do_sample=False)
    assert written.shape == (1, 13 + 12)
    assert tokenizer.decode(written[0]).startswith("A model is a ")
    corpus = prepare(given.data, cache=given.cache, validation=given.validation)
    rows = torch.from_numpy(Rows(corpus.validation, 32).take(0, 16).tokens_BS)
    with torch.no_grad():
        logits = model(rows[:, :-1]).logits
    loss = F.cross_entropy(logits.flatten(0, 1), rows[:, 1:].flatten())
    assert float(loss) == pytest.approx(result.validation_loss, abs=1e-5)


def test_tensorboard_reads_the_log(tmp_path: Path) -> None:
    accumulator = pytest.importorskip("tensorboard.backend.event_processing.event_accumulator")
    run = tmp_path / "run"
    train(settings(tmp_path, tensorboard=True), run)
    log = accumulator.EventAccumulator(str(run / "tensorboard"))
    log.Reload()
    assert [event.value for event in log.Scalars("loss")] == pytest.approx(losses(run), rel=1e-6)
    assert [event.step for event in log.Scalars("validation_loss")] == [12]


def test_without_tensorboard_the_package_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with pytest.raises(UsageError) as caught:
        train(settings(tmp_path, tensorboard=True), tmp_path / "run")
    assert caught.value.code == "E1512"
    assert "tensorboard" in str(caught.value.help)


def test_a_worker_returns_the_result_as_json(tmp_path: Path) -> None:
    given = settings(tmp_path, validate_every=4)
    seen: list[Any] = []

    def should_continue(point: Any) -> bool:
        seen.append(point)
        return True

    payload = {"settings": given.model_dump(mode="json"), "out": str(tmp_path / "run")}
    value = work(json.loads(json.dumps(payload)), should_continue)
    result = read_result(tmp_path / "run")
    assert result is not None
    assert value == result.model_dump(mode="json")
    assert [point["step"] for point in seen] == [4, 8, 12]
    assert seen == value["curve"]
    assert [line["bits_per_byte"] for line in lines(tmp_path / "run") if "bits_per_byte" in line]


def test_a_worker_that_is_told_to_stop_can_be_continued(tmp_path: Path) -> None:
    given = settings(tmp_path, validate_every=4)
    payload = {"settings": given.model_dump(mode="json"), "out": str(tmp_path / "run")}
    value = work(payload, lambda point: False)
    assert (value["status"], value["steps"]) == ("stopped", 5)
    assert read_result(tmp_path / "run") is None
    assert work(payload, lambda point: True)["steps"] == 12


def test_the_numbers_of_a_result_agree(tmp_path: Path) -> None:
    result = train(settings(tmp_path), tmp_path / "run")
    assert result.tokens == 12 * 4 * 32
    assert result.flops == result.tokens * result.flops_per_token
    assert result.loss == pytest.approx(sum(losses(tmp_path / "run")[-2:]) / 2)
    assert 0 < result.epochs < 1
    assert result.bits_per_byte == result.curve[-1].bits_per_byte
    assert result.seconds > 0
    assert result.overhead_seconds > 0


def test_the_last_checkpoint_is_part_of_the_overhead(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[float] = []
    save = Checkpoints.save

    def timed(checkpoints: Checkpoints, position: Position) -> None:
        began = time.perf_counter()
        save(checkpoints, position)
        taken.append(time.perf_counter() - began)

    monkeypatch.setattr(Checkpoints, "save", timed)
    result = train(settings(tmp_path), tmp_path / "run")
    record = json.loads(
        (tmp_path / "run/checkpoints/step-00000012/checkpoint.json").read_text(encoding="utf-8")
    )
    (seconds,) = taken
    assert result.overhead_seconds >= record["position"]["overhead_seconds"] + seconds


def test_a_kind_without_standalone_code_is_trained_without_an_export(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As a kind of another package may be; those of this one all have such code."""
    known = {kind: spec for kind, spec in source.KINDS.items() if kind != "mlp"}
    monkeypatch.setattr(source, "KINDS", known)
    run, troubles = tmp_path / "run", list[str]()
    result = train(settings(tmp_path), run, callbacks=Callbacks(on_trouble=troubles.append))
    assert result.status == "ok"
    assert troubles == ["there is no export: mlp has no standalone code"]
    assert not (run / "export").exists()
    with pytest.raises(InputError) as caught:
        model_folder(run)
    assert caught.value.code == "E1801"
