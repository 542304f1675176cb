"""`aira-dsl train`: what it prints, its exit codes, Ctrl-C, and torchrun."""

import json
import os
import signal
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from aira_dsl.pretraining.engine import StepFacts
from aira_dsl.pretraining.records import Records
from aira_dsl.pretraining.training import Training
from tests.helpers import command_line
from tests.pretraining.runs import TEXT, losses, settings


@pytest.fixture
def command(tmp_path: Path) -> list[str]:
    (tmp_path / "tiny.arch").write_text(TEXT, encoding="utf-8")
    (text,) = settings(tmp_path).data
    chosen = {
        "data": text, "cache": tmp_path / "cache", "validation": 0.2, "validation-tokens": 512,
        "batch": 4, "precision": "fp32", "device": "cpu", "log-every": 1,
    }  # fmt: skip
    options = [word for name, value in chosen.items() for word in (f"--{name}", str(value))]
    return ["train", str(tmp_path / "tiny.arch"), *options]


def test_a_training_is_summarized(command: list[str], tmp_path: Path) -> None:
    run = tmp_path / "run"
    done = command_line.run(*command, "--tokens", "1.6k", "--out", str(run))
    assert done.code == 0
    assert "tiny is trained" in done.out
    assert "12 steps, 1.54k tokens" in done.out
    assert "validation loss" in done.out
    assert "step 12: validation loss" in done.err
    again = command_line.run(*command, "--tokens", "1.6k", "--out", str(run), "--format", "json")
    assert json.loads(again.out) == json.loads((run / "result.json").read_text(encoding="utf-8"))


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        ([], 2, "error[E1501]: a training needs one budget, and none is given"),
        (["--steps", "0"], 2, "invalid number '0'"),
        (["--steps", "2", "--batch", "0"], 2, "0"),
        (["--flops", "9"], 2, "error[E1502]: --flops 9 does not pay"),
        (["--steps", "2", "--accumulate", "3"], 2, "divided among 1 process with 3 parts each"),
        (["--steps", "2", "--scale", "1b"], 2, "help: the file has no scales: add `scale 1b"),
        (["--tokens", "9", "--steps", "2"], 2, "--tokens and --steps are given"),
        (["--steps", "2", "--data", "nowhere"], 1, "error[E0613]"),
        (
            ["--steps", "9", "--learning-rate", "10", "--weight-decay", "10"], 3,
            "error[E1510]: the norm of the gradient is nan at step",
        ),
    ],
)  # fmt: skip
def test_mistakes_have_codes(
    options: list[str], exit_code: int, message: str, command: list[str], tmp_path: Path
) -> None:
    done = command_line.run(*command, *options, "--out", str(tmp_path / "run"))
    assert (done.code, message in done.err) == (exit_code, True), done.err


@pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
def test_a_signal_ends_a_training_after_a_step_and_the_same_command_continues(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, sent: signal.Signals
) -> None:
    whole, run = ([*command, "--steps", "12", "--out", str(tmp_path / name)] for name in "ab")
    assert command_line.run(*whole).code == 0
    record = Training._record

    def record_and_send(training: Training, facts: StepFacts, records: Records | None) -> None:
        record(training, facts, records)
        if training.position.step == 5:
            signal.raise_signal(sent)

    with monkeypatch.context() as patch:
        patch.setattr(Training, "_record", record_and_send)
        done = command_line.run(*run)
    assert done.code == 130
    assert "the same command continues the training" in done.err
    assert 5 <= len(losses(tmp_path / "b")) <= 6
    assert command_line.run(*run).code == 0
    assert losses(tmp_path / "b") == losses(tmp_path / "a")


@pytest.mark.slow
def test_torchrun_trains_on_two_processes(command: list[str], tmp_path: Path) -> None:
    launcher = ("-m", "torch.distributed.run", "--nproc-per-node", "2", "--standalone")
    done = subprocess.run(
        [sys.executable, *launcher, "-m", "aira_dsl", *command, "--steps", "12",
         "--out", str(tmp_path / "two")],
        capture_output=True, text=True, check=False, env={**os.environ, "OMP_NUM_THREADS": "1"},
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("tiny is trained") == 1
    assert "on 2 processes" in done.stdout
    assert (
        command_line.run(
            *command, "--steps", "12", "--accumulate", "2", "--out", str(tmp_path / "one")
        ).code
        == 0
    )
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-9)


@pytest.mark.slow
def test_the_command_for_several_machines_trains_one_model(
    command: list[str], tmp_path: Path
) -> None:
    """Two launchers that meet at an address, on this machine."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        meeting = f"127.0.0.1:{free.getsockname()[1]}"
    launcher = (
        "-m", "torch.distributed.run", "--nnodes", "2", "--nproc-per-node", "1",
        "--rdzv-backend", "c10d", "--rdzv-endpoint", meeting, "--rdzv-id", "7",
    )  # fmt: skip
    machines = [
        subprocess.Popen(
            [sys.executable, *launcher, "-m", "aira_dsl", *command, "--steps", "12",
             "--out", str(tmp_path / "two")],
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )
        for _ in range(2)
    ]  # fmt: skip
    assert [each.wait() for each in machines] == [0, 0]
    one = command_line.run(
        *command, "--steps", "12", "--accumulate", "2", "--out", str(tmp_path / "one")
    )
    assert one.code == 0
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-9)
