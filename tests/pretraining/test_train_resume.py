"""A training that was ended in any way continues as if it had not been."""

import os
import random
import signal
import time
from pathlib import Path

from safetensors.torch import load_file

from aira_dsl.pretraining.run import train
from aira_dsl.pretraining.settings import TrainSettings
from tests.pretraining.processes import in_child
from tests.pretraining.runs import lines, losses, settings


def weights(run: Path) -> dict[str, object]:
    return {
        name: each.numpy().tobytes()
        for name, each in load_file(run / "export/model.safetensors").items()
    }


def facts(run: Path) -> list[dict[str, object]]:
    """Return the lines of metrics without what depends on time."""
    return [{k: v for k, v in line.items() if k != "tokens_per_second"} for line in lines(run)]


def killed(given: TrainSettings, run: Path, seconds: float) -> bool:
    """Train in another process and kill it after some time; tell whether it was still running."""
    child = in_child(lambda: train(given, run))
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if os.waitpid(child, os.WNOHANG)[0]:
            return False
        time.sleep(0.002)
    os.kill(child, signal.SIGKILL)
    os.waitpid(child, 0)
    return True


def test_ten_kills_at_random_moments_leave_no_trace(tmp_path: Path) -> None:
    given = settings(tmp_path, steps=60, checkpoint_every=4, validate_every=20)
    whole = train(given, tmp_path / "whole")
    moments = random.Random(os.getpid())
    kills = 0
    while kills < 10:
        kills += killed(given, tmp_path / "killed", moments.uniform(0.05, 0.4))
        if (tmp_path / "killed/result.json").exists():  # ended before the ten: begin again
            os.rename(tmp_path / "killed", tmp_path / f"ended_{kills}")
    again = train(given, tmp_path / "killed")
    assert facts(tmp_path / "killed") == facts(tmp_path / "whole")
    assert weights(tmp_path / "killed") == weights(tmp_path / "whole")
    for run in tmp_path.glob("ended_*"):
        assert losses(run) == losses(tmp_path / "whole")
    assert (again.loss, again.curve) == (whole.loss, whole.curve)
    assert again.steps == 60
