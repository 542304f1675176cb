"""One training on several processes: the same losses, one order of data, any number continues."""

import os
import signal
from pathlib import Path

import pytest

from aira_dsl.pretraining import engine
from aira_dsl.pretraining.callbacks import Callbacks, TrainProgress
from aira_dsl.pretraining.folder import read_result
from aira_dsl.pretraining.run import train
from tests.pretraining.processes import on_several
from tests.pretraining.runs import TEXT, losses, settings

STEPS = 50
EXPERTS = (
    "architecture m {\n  width 32\n  context 32\n  block A = attention { heads 2 }\n"
    "  block E = moe { experts 5, hidden 24, shared 8, bias true, correction_bias true }\n"
    "  layers 2×(A-E)\n}\n"
)
STRUCTURE = (
    "architecture m {\n  width 32\n  context 32\n  norm_kind layer\n  softcap 30\n"
    "  block A = attention { heads 2, tied true, norm sandwich }\n"
    "  block M = mlp { hidden 48, residual_scale 0.5 }\n  block S = mamba2 { inner 32 }\n"
    "  layers 2×(A-M)-(M|S)-A\n}\n"
)


@pytest.mark.slow
def test_one_two_and_four_processes_have_the_same_losses(tmp_path: Path) -> None:
    """So the order of the data is the same, too: other data has other losses."""
    given = settings(tmp_path, steps=STEPS, validate_every=25, learning_rate=5e-4)
    one = train(given.model_copy(update={"accumulate": 4}), tmp_path / "one")
    for count in (2, 4):
        run = tmp_path / f"{count}"
        alike = given.model_copy(update={"accumulate": 4 // count})
        codes = on_several(count, lambda rank: train(alike, run), tmp_path / "raised")  # noqa: B023
        assert codes == [0] * count
        assert losses(run) == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
        found = read_result(run)
        assert found is not None
        assert found.ranks == count
        assert [point.loss for point in found.curve] == pytest.approx(
            [point.loss for point in one.curve], abs=1e-6
        )
        assert found.bits_per_byte == pytest.approx(one.bits_per_byte, abs=1e-6)


def test_two_processes_are_one_that_computes_a_batch_in_two_parts(tmp_path: Path) -> None:
    """At the default rate, with the same order of sums."""
    given = settings(tmp_path, steps=STEPS)
    train(given.model_copy(update={"accumulate": 2}), tmp_path / "one")
    assert on_several(2, lambda rank: train(given, tmp_path / "two"), tmp_path / "raised") == [0, 0]
    assert losses(tmp_path / "two") == losses(tmp_path / "one")


def test_another_order_of_sums_changes_losses_by_less_than_1e_5(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=STEPS, learning_rate=3e-4)
    train(given, tmp_path / "one")
    assert on_several(2, lambda rank: train(given, tmp_path / "two"), tmp_path / "raised") == [0, 0]
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)


@pytest.mark.parametrize(
    "changes",
    [
        {"optimizer": "muon"},
        {"documents": "separate"},
        {"activation_checkpointing": True, "z_loss": 1e-3},
        {"architecture": TEXT.replace("width 32", "width 32\n  tie_embeddings true")},
        {"architecture": EXPERTS, "optimizer": "muon", "activation_checkpointing": True},
        {"architecture": STRUCTURE, "optimizer": "muon"},
    ],
    ids=lambda changes: next(iter(changes)),
)
def test_every_kind_of_training_is_shared(
    changes: dict[str, object], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With every block sharded by itself; the second half by one process."""
    monkeypatch.setattr(engine, "UNIT", 1)
    given = settings(tmp_path, steps=10, accumulate=2, **changes)
    halved = given.model_copy(update={"accumulate": 1})
    train(given, tmp_path / "one")
    seen: list[int] = []
    callbacks = Callbacks(
        on_progress=lambda progress: seen.append(progress.step),
        should_stop=lambda: len(seen) >= 5,
    )
    codes = on_several(
        2, lambda rank: train(halved, tmp_path / "two", callbacks=callbacks), tmp_path / "raised"
    )
    assert codes == [0, 0], (tmp_path / "raised/0").read_text(encoding="utf-8")
    train(given, tmp_path / "two")
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)


def test_what_two_processes_began_one_continues(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=30, accumulate=2)
    train(given, tmp_path / "whole")
    seen: list[int] = []
    callbacks = Callbacks(
        on_progress=lambda progress: seen.append(progress.step),
        should_stop=lambda: len(seen) >= 11,
    )
    halved = given.model_copy(update={"accumulate": 1})
    codes = on_several(
        2, lambda rank: train(halved, tmp_path / "run", callbacks=callbacks), tmp_path / "raised"
    )
    assert codes == [0, 0]
    assert len(losses(tmp_path / "run")) == 12
    result = train(given, tmp_path / "run")
    assert (result.steps, result.ranks) == (30, 1)
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "whole"), abs=1e-9)


def test_a_process_that_dies_ends_the_others_and_the_run_continues(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=20, checkpoint_every=4, accumulate=2)
    halved = given.model_copy(update={"accumulate": 1})

    def run(rank: int) -> None:
        def die(progress: TrainProgress) -> None:
            if rank == 1 and progress.step == 10:
                os.kill(os.getpid(), signal.SIGKILL)

        train(halved, tmp_path / "run", callbacks=Callbacks(on_progress=die))

    assert on_several(2, run, tmp_path / "raised") == [1, -signal.SIGKILL]
    message = (tmp_path / "raised/0").read_text(encoding="utf-8")
    assert message.startswith("error[E1511]: another process of the training died")
    assert len(losses(tmp_path / "run")) in (9, 10)
    train(given, tmp_path / "run")
    train(given, tmp_path / "whole")
    assert losses(tmp_path / "run") == pytest.approx(losses(tmp_path / "whole"), abs=1e-9)


@pytest.mark.parametrize(
    ("changes", "code"),
    [({"batch": 3}, "E1503"), ({"seed": 1}, "E1506"), ({"data": ("missing.txt",)}, "E0613")],
)
def test_what_one_process_refuses_all_refuse(
    changes: dict[str, object], code: str, tmp_path: Path
) -> None:
    given = settings(tmp_path, steps=2)
    train(given, tmp_path / "run")
    changed = given.model_copy(update=changes)
    codes = on_several(2, lambda rank: train(changed, tmp_path / "run"), tmp_path / "raised")
    assert codes == [1, 1]
    for rank in (0, 1):
        text = (tmp_path / f"raised/{rank}").read_text(encoding="utf-8")
        assert text.startswith(f"error[{code}]")


def test_a_folder_that_processes_do_not_share_is_refused_with_the_missing_part(
    tmp_path: Path,
) -> None:
    """Each process has a folder of its own, as on two machines without a common file system."""
    given = settings(tmp_path, steps=4, checkpoint_every=4)
    codes = on_several(
        2, lambda rank: train(given, tmp_path / f"machine_{rank}/run"), tmp_path / "raised"
    )
    assert codes == [1, 1]
    for rank in (0, 1):
        text = (tmp_path / f"raised/{rank}").read_text(encoding="utf-8")
        assert text.startswith("error[E1514]: the checkpoint step-00000004 lacks __1_0.distcp")
        assert "--out on a file system that all machines share" in text
    assert not list(tmp_path.glob("machine_*/run/checkpoints/*"))
