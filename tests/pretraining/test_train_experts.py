"""Balance between experts: loss, correction biases, loads in the metrics, resumed runs."""

from pathlib import Path
from statistics import mean
from typing import Any

import pytest
import torch
from safetensors.torch import load_file
from torch import nn
from torch.nn import functional as F

from aira_dsl.language import parse
from aira_dsl.models import LanguageModel, build
from aira_dsl.pretraining import engine
from aira_dsl.pretraining.balance import Balance
from aira_dsl.pretraining.callbacks import Callbacks
from aira_dsl.pretraining.network import IGNORE, Network
from aira_dsl.pretraining.run import train
from tests.pretraining.processes import on_several
from tests.pretraining.runs import lines, losses, settings

MIXTURE = """
architecture mixture {{
  width 32
  context 32
  block A = attention {{ heads 2, head_dim 16 }}
  block E = moe {{ experts 8, top 2, hidden 16, router_bias true, {router} }}
  layers 2×(A-E)
}}
"""
BIASED = MIXTURE.format(router="router sigmoid, correction_bias true")
PLAIN = MIXTURE.format(router="router softmax")
BOTH = PLAIN.replace(
    "layers 2×(A-E)", f"{BIASED.splitlines()[5].replace('E =', 'B =')}\n  layers A-E-A-B"
)
CPU = torch.device("cpu")


@pytest.fixture
def tilted(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trainings begin with routers that send all tokens to two of the eight experts."""

    def initialized(*given: Any) -> LanguageModel:
        model = original(*given)
        for layer in model.stack[1::2]:
            nn.init.constant_(layer.mixer.router.bias[:2], 2.0)
        return model

    original = engine._initialized
    monkeypatch.setattr(engine, "_initialized", initialized)


def expected_loss(logits_NE: torch.Tensor, chosen_NK: torch.Tensor, is_softmax: bool) -> float:
    """E·Σ f·P of one sequence, choice by choice."""
    experts = logits_NE.shape[1]
    scores_NE = logits_NE.sigmoid()
    probabilities_NE = logits_NE.softmax(-1) if is_softmax else F.normalize(scores_NE, p=1, dim=-1)
    share = [float((chosen_NK == e).sum()) / chosen_NK.numel() for e in range(experts)]
    means = probabilities_NE.mean(0).tolist()
    return experts * sum(f * p for f, p in zip(share, means, strict=True))


@pytest.mark.parametrize("router", ["softmax", "sigmoid", "topk_softmax", "sigmoid_input"])
def test_loss_of_a_pass_is_the_formula_by_sequence(router: str, tmp_path: Path) -> None:
    model = build(parse(MIXTURE.format(router=f"router {router}")), seed=0)
    network = Network(model, CPU, settings(tmp_path, balance_loss=0.5))
    tokens_BL = torch.randint(256, (2, 9), generator=torch.Generator().manual_seed(0))
    targets_BL = tokens_BL.clone()
    targets_BL[1, 6:] = IGNORE  # padding
    logits: list[torch.Tensor] = []
    routers = [layer.mixer.router for layer in model.stack[1::2]]
    for each in routers:
        each.register_forward_hook(lambda router, given, result: logits.append(result.detach()))
    loss, entropy = network(tokens_BL, targets_BL)
    wanted = 0.0
    for each, logits_NE in zip(routers, logits, strict=True):
        _, chosen_NK = each.choose(logits_NE)
        for start, stop in ((0, 9), (9, 15)):
            part = logits_NE[start:stop], chosen_NK[start:stop]
            wanted += 0.5 * (stop - start) * expected_loss(*part, "softmax" in router)
    assert float((loss - entropy).detach()) == pytest.approx(wanted, rel=1e-5)
    assert sum(network.balance.take_loads()) == 2 * 2 * 15
    with torch.no_grad():
        assert torch.equal(*network(tokens_BL, targets_BL))
    assert sum(network.balance.take_loads()) == 0


def test_biases_move_against_the_load(tmp_path: Path) -> None:
    model = build(parse(BIASED), seed=0)
    balance = Balance(model, settings(tmp_path, balance_rate=0.25))
    loads = [6.0, 2, 0, 2, 2, 2, 2, 0]
    assert balance.step([*loads, *reversed(loads)]) == (0.0, 3.0)
    first, second = (layer.mixer.router.correction_bias.tolist() for layer in model.stack[1::2])
    assert first == [-0.25, 0, 0.25, 0, 0, 0, 0, 0.25]
    assert second == first[::-1]


@pytest.mark.usefixtures("tilted")
@pytest.mark.parametrize(
    ("text", "balanced", "alone"),
    [
        (PLAIN, {"balance_loss": 0.01}, {"balance_loss": 0.0}),
        (BIASED, {"balance_rate": 0.01}, {"balance_rate": 0.0}),
    ],
    ids=["loss", "bias"],
)
def test_a_router_of_two_experts_becomes_balanced(
    text: str, balanced: dict[str, float], alone: dict[str, float], tmp_path: Path
) -> None:
    given = {"architecture": text, "steps": 120, "batch": 8, "learning_rate": 1e-3}
    for name, chosen in (("balanced", balanced), ("alone", alone)):
        train(settings(tmp_path, **given, **chosen), tmp_path / name)
    assert largest_loads(tmp_path / "balanced")[0] == 4  # two of eight experts have all tokens
    assert mean(largest_loads(tmp_path / "balanced")[-10:]) < 2.4
    assert mean(largest_loads(tmp_path / "alone")[-10:]) > 3.9
    assert lines(tmp_path / "alone")[-2]["expert_load_min"] == 0


def largest_loads(run: Path) -> list[float]:
    return [line["expert_load_max"] for line in lines(run) if "loss" in line]


def biases(run: Path) -> list[list[float]]:
    """The correction biases of an exported model."""
    tensors = load_file(run / "export/model.safetensors")
    return [bias.tolist() for name, bias in tensors.items() if name.endswith("correction_bias")]


def stopping_after(steps: int) -> Callbacks:
    seen: list[int] = []
    return Callbacks(
        on_progress=lambda progress: seen.append(progress.step),
        should_stop=lambda: len(seen) >= steps,
    )


def test_a_resumed_run_has_the_same_bits(tmp_path: Path) -> None:
    given = settings(tmp_path, architecture=BOTH, balance_rate=0.01)
    train(given, tmp_path / "whole")
    stopped = train(given, tmp_path / "run", callbacks=stopping_after(5))
    assert stopped.status == "stopped"
    train(given, tmp_path / "run")
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")
    assert largest_loads(tmp_path / "run") == largest_loads(tmp_path / "whole")
    (found,) = biases(tmp_path / "run")
    assert [found] == biases(tmp_path / "whole")
    assert 0.01 < max(map(abs, found)) <= 0.12  # twelve steps of 0.01


def test_two_processes_balance_as_one_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With every block sharded by itself and computed again, and with padded documents."""
    monkeypatch.setattr(engine, "UNIT", 1)
    given = settings(
        tmp_path, architecture=BOTH, balance_rate=0.01, documents="separate", learning_rate=1e-3,
        activation_checkpointing=True,
    )  # fmt: skip
    train(given, tmp_path / "one")
    codes = on_several(2, lambda rank: train(given, tmp_path / "two"), tmp_path / "raised")
    assert codes == [0, 0], (tmp_path / "raised/0").read_text(encoding="utf-8")
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), abs=1e-5)
    assert largest_loads(tmp_path / "two") == largest_loads(tmp_path / "one")
    assert biases(tmp_path / "two") == biases(tmp_path / "one")


def test_a_training_without_experts_has_no_loads(tmp_path: Path) -> None:
    train(settings(tmp_path, steps=2), tmp_path / "run")
    assert "expert_load_max" not in lines(tmp_path / "run")[0]
