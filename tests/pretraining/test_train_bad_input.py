"""A wrong folder, checkpoint, disk or loss ends a training, and nothing is lost."""

import json
import os
import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file
from torch.distributed.checkpoint.format_utils import dcp_to_torch_save

from aira_dsl.errors import AiraError, InputError, RunError
from aira_dsl.pretraining.callbacks import Callbacks
from aira_dsl.pretraining.folder import read_result
from aira_dsl.pretraining.optimizers import Optimizers
from aira_dsl.pretraining.run import train
from aira_dsl.utils.locking import acquire
from tests.helpers.disk import files_of_at_most
from tests.pretraining.processes import on_several
from tests.pretraining.runs import TEXT, losses, settings

OTHER = TEXT.replace("layers S-M-A", "layers A-M-S")


def stopped(folder: Path, run: Path, after: int, **given: object) -> None:
    """Train some steps and stop."""
    seen: list[int] = []
    callbacks = Callbacks(
        on_progress=lambda progress: seen.append(progress.step),
        should_stop=lambda: len(seen) >= after - 1,
    )
    assert train(settings(folder, **given), run, callbacks=callbacks).status == "stopped"


def checkpoints(run: Path) -> list[str]:
    return sorted(path.name for path in (run / "checkpoints").iterdir())


def all_finite(checkpoint: Path) -> bool:
    """Tell whether the weights in a checkpoint are, by what docs/train.md names to look at them."""
    weights = checkpoint.parent / "weights.pt"
    dcp_to_torch_save(checkpoint, weights)
    found = torch.load(weights)["model"]
    weights.unlink()
    return bool(found) and all(bool(torch.isfinite(each).all()) for each in found.values())


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"architecture": OTHER}, "architecture"),
        ({"learning_rate": 1e-3}, "learning_rate: 0.003 in the folder, 0.001 here"),
        ({"validation": 0.4}, "corpus"),
        ({"steps": 13}, "steps: 12 in the folder, 13 here"),
    ],
)
def test_a_folder_of_another_training_is_refused(
    changes: dict[str, object], differs: str, tmp_path: Path
) -> None:
    stopped(tmp_path, tmp_path / "run", 3)
    with pytest.raises(InputError) as caught:
        train(settings(tmp_path, **changes), tmp_path / "run")
    assert caught.value.code == "E1506"
    assert caught.value.message.endswith(f"different: {differs}")
    assert checkpoints(tmp_path / "run") == ["step-00000003"]
    done = train(settings(tmp_path, **changes), tmp_path / "run", force=True)
    assert len(losses(tmp_path / "run")) == done.steps


def test_a_replaced_training_leaves_the_files_of_the_user(tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped(tmp_path, run, 3)
    (run / "notes.md").write_text("mine", encoding="utf-8")
    (run / "results").mkdir()
    (run / "results/table.txt").write_text("mine too", encoding="utf-8")
    assert train(settings(tmp_path), run, force=True).status == "ok"
    assert (run / "notes.md").read_text(encoding="utf-8") == "mine"
    assert (run / "results/table.txt").read_text(encoding="utf-8") == "mine too"
    assert checkpoints(run) == ["step-00000012"]


def test_a_checkpoint_of_another_design_is_refused(tmp_path: Path) -> None:
    for run, text in (("ours", TEXT), ("other", OTHER)):
        stopped(tmp_path, tmp_path / run, 3, architecture=text)
    place = tmp_path / "ours/checkpoints/step-00000003"
    shutil.rmtree(place)
    shutil.copytree(tmp_path / "other/checkpoints/step-00000003", place)
    with pytest.raises(InputError, match="belongs to the architecture") as caught:
        train(settings(tmp_path), tmp_path / "ours")
    assert caught.value.code == "E1506"


@pytest.mark.parametrize("damage", ["cut", "flipped", "without weights", "without record"])
def test_a_damaged_checkpoint_is_left_out_and_the_one_before_used(
    damage: str, tmp_path: Path
) -> None:
    run, troubles = tmp_path / "run", list[str]()
    stopped(tmp_path, run, 9, checkpoint_every=4)
    assert checkpoints(run) == ["step-00000008", "step-00000009"]
    last = run / "checkpoints/step-00000009"
    weights = last / "__0_0.distcp"
    match damage:
        case "cut":
            os.truncate(weights, weights.stat().st_size // 2)
        case "flipped":
            content = bytearray(weights.read_bytes())
            content[len(content) // 2] ^= 1
            weights.write_bytes(content)
        case "without weights":
            weights.unlink()
        case "without record":
            (last / "checkpoint.json").write_text("{", encoding="utf-8")
    (run / "checkpoints/.aira-dsl-step-00000010").mkdir()
    train(settings(tmp_path), run, callbacks=Callbacks(on_trouble=troubles.append))
    assert len(troubles) == 1
    assert troubles[0].startswith("step-00000009 is left out: ")
    train(settings(tmp_path), tmp_path / "whole")
    assert losses(run) == losses(tmp_path / "whole")
    assert checkpoints(run) == ["step-00000009", "step-00000012"] or checkpoints(run) == [
        "step-00000008",
        "step-00000012",
    ]


def test_without_a_readable_checkpoint_nothing_begins_again_by_itself(tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped(tmp_path, run, 3)
    (run / "checkpoints/step-00000003/.metadata").unlink()
    with pytest.raises(InputError, match=r"no checkpoint .* \.metadata is missing") as caught:
        train(settings(tmp_path), run)
    assert caught.value.code == "E1508"
    assert len(losses(run)) == 3
    assert train(settings(tmp_path), run, force=True).status == "ok"


def test_a_loss_that_is_not_finite_ends_the_training_and_the_checkpoint_stays(
    tmp_path: Path,
) -> None:
    """Weights that weight decay multiplies by -99 in every step."""
    run = tmp_path / "run"
    given = settings(tmp_path, learning_rate=10.0, weight_decay=10.0, checkpoint_every=1)
    result = train(given, run)
    assert result.status == "diverged"
    step = result.steps
    assert result.message.endswith(f"at step {step + 1}; the checkpoint of step {step} stays")
    assert checkpoints(run)[-1] == f"step-{step:08d}"
    assert all_finite(run / f"checkpoints/step-{step:08d}")
    assert len(losses(run)) == step
    assert (result.loss, result.validation_loss) == (None, None)
    assert read_result(run) == result == train(given, run)
    assert not (run / "export").exists()


@pytest.mark.parametrize(
    ("steps", "message"),
    [(9, "a weight is not finite after step 6"), (6, "the validation loss is nan after step 6")],
)
@pytest.mark.parametrize("count", [1, 2])
def test_weights_that_an_update_makes_infinite_are_not_saved(
    count: int, steps: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run, updates, update = tmp_path / "run", list[float](), Optimizers.step

    def overflowing(optimizers: Optimizers, factor: float, *, keep_gradients: bool) -> None:
        update(optimizers, factor, keep_gradients=keep_gradients)
        updates.append(factor)
        if len(updates) == 6:
            weight = optimizers.all[0].param_groups[0]["params"][0]
            weight.detach().fill_(float("inf"))

    monkeypatch.setattr(Optimizers, "step", overflowing)
    given = settings(tmp_path, steps=steps, checkpoint_every=3)
    if count == 1:
        train(given, run)
    else:
        assert on_several(2, lambda rank: train(given, run), tmp_path / "raised") == [0, 0]
    result = read_result(run)
    assert result is not None
    assert (result.status, result.steps, result.curve) == ("diverged", 6, ())
    assert result.message == f"{message}; the checkpoint of step 3 stays"
    assert checkpoints(run) == ["step-00000003"]
    assert all_finite(run / "checkpoints/step-00000003")


def test_a_full_disk_in_mid_checkpoint_leaves_the_one_before(tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped(tmp_path, run, 3)
    size = (run / "checkpoints/step-00000003/__0_0.distcp").stat().st_size
    with files_of_at_most(size // 2), pytest.raises(RunError) as caught:
        train(settings(tmp_path, checkpoint_every=2), run)
    assert caught.value.code == "E1509"
    assert "step-00000004 cannot be written: " in caught.value.message
    assert checkpoints(run) == ["step-00000003"]
    train(settings(tmp_path), run)
    train(settings(tmp_path), tmp_path / "whole")
    assert losses(run) == losses(tmp_path / "whole")


def test_a_training_that_ended_is_returned_again(tmp_path: Path) -> None:
    first = train(settings(tmp_path), tmp_path / "run")
    before = (tmp_path / "run/metrics.jsonl").stat().st_mtime_ns
    assert train(settings(tmp_path), tmp_path / "run") == first
    assert (tmp_path / "run/metrics.jsonl").stat().st_mtime_ns == before


def test_a_place_that_cannot_be_used_is_refused_before_text_is_read(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file", encoding="utf-8")
    with pytest.raises(InputError, match="is a file, not a folder") as caught:
        train(settings(tmp_path, data=("missing.txt",)), tmp_path / "run")
    assert caught.value.code == "E1504"


def test_the_folder_is_ours_whole_and_free(tmp_path: Path) -> None:
    run = tmp_path / "run"

    def code() -> str:
        with pytest.raises(AiraError) as caught:
            train(settings(tmp_path), run)
        return caught.value.code

    run.write_text("a file", encoding="utf-8")
    assert code() == "E1504"
    run.unlink()
    run.mkdir()
    (run / "thesis.txt").write_text("precious", encoding="utf-8")
    assert code() == "E1504"
    (run / "thesis.txt").unlink()
    stopped(tmp_path, run, 3)
    lock = acquire(run / ".lock")
    assert lock is not None
    assert code() == "E1505"
    lock.close()
    (run / "result.json").write_text('{"status": "ok"}', encoding="utf-8")
    assert code() == "E1507"
    (run / "result.json").unlink()
    (run / "settings.json").write_text("[1]", encoding="utf-8")
    assert code() == "E1507"


def test_a_model_with_too_few_token_ids_is_refused(tmp_path: Path) -> None:
    text = TEXT.replace("width 32", "width 32\n  vocab 128")
    with pytest.raises(InputError, match="the model has 128 token ids") as caught:
        train(settings(tmp_path, architecture=text), tmp_path / "run")
    assert caught.value.code == "E1406"
    assert not (tmp_path / "run").exists()


def test_a_line_that_was_being_written_is_removed(tmp_path: Path) -> None:
    run = tmp_path / "run"
    stopped(tmp_path, run, 3)
    with (run / "metrics.jsonl").open("a") as file:
        file.write(json.dumps({"step": 4, "loss": 1.0}) + "\n" + '{"step": 5, "lo')
    train(settings(tmp_path), run)
    train(settings(tmp_path), tmp_path / "whole")
    assert losses(run) == losses(tmp_path / "whole")
    stored = load_file(run / "export/model.safetensors")
    assert all(bool(torch.isfinite(each).all()) for each in stored.values())
