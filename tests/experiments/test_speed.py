"""The benchmark measures what it says, with real processes."""

import json
import os
import subprocess

import pytest
import torch
from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.architecture import Architecture
from aira_dsl.errors import RunError
from aira_dsl.experiments.paper_patterns import BASES, layers_of
from aira_dsl.experiments.speed import measure
from aira_dsl.experiments.speed.arrangements import arrangements
from aira_dsl.experiments.speed.implementations import make_step
from aira_dsl.experiments.speed.measure import Setup, Speed, bench
from aira_dsl.jobs import local
from aira_dsl.models.accelerate import choose_precision
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.report.terminal.speed import speed_json, speed_table

TINY = Architecture(
    width=16,
    vocab=8,
    blocks={
        "A": Attention(heads=2),
        "M": MLP(hidden=16, activation="relu"),
        "Mb": Mamba2(inner=16, state=4, head_dim=8),
    },
    layers=("A", "M", "Mb"),
)


@pytest.mark.slow
def test_processes_train_and_are_gone_afterwards(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_has_transformers", lambda: False)
    monkeypatch.setattr(measure, "available_cores", lambda: 2)
    told: list[str] = []
    report = bench({"tiny": TINY}, seconds=0.05, on_progress=told.append)
    pattern = ["pgrep", "-P", str(os.getpid()), "-f", "aira_dsl.jobs.worker"]
    assert subprocess.run(pattern, capture_output=True, check=False).stdout == b""
    (speed,) = report.speeds
    expected = {("fp32", 1), ("fp32", 2), (choose_precision(), 1), (choose_precision(), 2)}
    assert {(setup.precision, setup.processes) for setup in speed.tokens} == expected
    assert all(rate > 0 for rate in speed.tokens.values())
    assert speed.ratio("nemotron-h") is None
    assert 0 < report.utilisation(speed) < 1
    assert 50 << 20 < speed.peak_bytes < 4 << 30
    assert len(told) == len(expected)
    assert "no peer" in report.notes[0]
    assert json.loads(json.dumps(speed_json(report)))["arrangements"][0]["name"] == "tiny"
    assert speed_table(report) is not None


def test_a_process_that_fails_is_an_error_with_its_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(measure, "_has_transformers", lambda: False)
    monkeypatch.setattr(local.sys, "executable", "/bin/false")
    with pytest.raises(RunError, match="ended with exit code 1") as caught:
        bench({"tiny": TINY}, seconds=0.05)
    assert caught.value.code == "E0602"


def test_ratios_are_best_against_best() -> None:
    ours = {Setup("aira-dsl", "fp32", 1, 1): 30.0, Setup("aira-dsl", "bf16", 2, 1): 120.0}
    theirs = {Setup("nemotron-h", "fp32", 1, 2): 20.0, Setup("nemotron-h", "bf16", 2, 1): 30.0}
    comes = {Setup("nemotron-h, as it comes", "fp32", 1, 2): 10.0}
    speed = Speed("x", "A", 1, {**theirs, **comes, **ours})
    assert speed.ratio("nemotron-h") == 4.0
    assert speed.ratio("nemotron-h, as it comes") == 12.0


def test_the_peer_has_the_same_layers_and_nearly_the_same_parameters() -> None:
    """The gap: the engine's and the peer's step train models of one size."""
    pytest.importorskip("transformers")
    from aira_dsl.experiments.speed.implementations import _NemotronH, as_it_can
    from aira_dsl.models import build

    peer = _NemotronH(TINY, 16)
    count = sum(parameter.numel() for parameter in peer.parameters())
    assert count == sum(parameter.numel() for parameter in build(TINY).parameters())
    assert as_it_can(TINY).layers == TINY.layers
    torch.manual_seed(0)
    make_step("nemotron-h", TINY, "fp32")()


def test_what_is_timed() -> None:
    names = list(arrangements(every=True))
    assert names[0] == "balanced"
    assert set(BASES) < set(names)
    assert {len(layers) for layers in layers_of(BASES).values()} == {16}


@pytest.mark.slow
def test_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    """On a tiny arrangement and one core: the peer takes minutes for those of the command."""
    of_command = "aira_dsl.experiments.speed.arrangements.arrangements"
    monkeypatch.setattr(of_command, lambda *, every: {"tiny": TINY})
    monkeypatch.setattr(measure, "available_cores", lambda: 1)
    done = CliRunner().invoke(app, ["bench", "--seconds", "0.01", "--format", "json"])
    assert done.exit_code == 0, done.output
    (found,) = json.loads(done.stdout)["arrangements"]
    assert found["name"] == "tiny"
    assert set(found["ratios"]) == {"nemotron-h, as it comes", "nemotron-h"}
    assert all(ratio > 0 for ratio in found["ratios"].values())
    assert found["peak_bytes"] < 2 << 30
