"""Initial weights and rates by width and depth: what the rule says, and what it is for."""

from pathlib import Path

import pytest
import torch

from aira_dsl.data.tokens.rows import Batch
from aira_dsl.errors import UsageError
from aira_dsl.language import parse
from aira_dsl.models import build
from aira_dsl.pretraining.cuda_graph import require_recordable
from aira_dsl.pretraining.engine import Engine
from aira_dsl.pretraining.muon import Muon, polar
from aira_dsl.pretraining.optimizers import Optimizers
from aira_dsl.pretraining.parametrization import parameters_by_role, rescale, roles
from aira_dsl.pretraining.processes import Processes
from aira_dsl.pretraining.settings import TrainPlan
from tests.pretraining.runs import settings


def text(width: int, depth: int, *, tied: bool = False) -> str:
    return f"""
architecture m {{
  width {width}
  context 32
  tie_embeddings {str(tied).lower()}
  block A = attention {{ heads {width // 16}, head_dim 16 }}
  block M = mlp {{ hidden {2 * width} }}
  block S = mamba2 {{ state 16, head_dim 16 }}
  layers {"-".join(["S-M-A-M"] * (depth // 4))}
}}
"""


def test_every_parameter_has_a_role() -> None:
    model = build(parse(text(32, 4)))
    found = roles(model)
    assert found.keys() == dict(model.named_parameters()).keys()
    assert found["embedding.weight"] == "input"
    assert found["head.weight"] == "head"
    by_role = {role: {name for name in found if found[name] == role} for role in found.values()}
    assert by_role["output"] == {
        "layers.0.mixer.out_proj.weight", "layers.1.mixer.down_proj.weight",
        "layers.2.mixer.o_proj.weight", "layers.3.mixer.down_proj.weight",
    }  # fmt: skip
    assert "layers.0.mixer.in_proj.weight" in by_role["hidden"]
    assert {"layers.0.mixer.A_log", "layers.0.mixer.conv1d.weight", "norm.weight"} <= by_role[
        "vector"
    ]


EXPERTS = """
architecture m {
  width 32
  vocab 11
  block A = attention { heads 2, head_dim 16 }
  block E = moe { experts 4, top 2, hidden 24, shared 8, bias true, router_bias true }
  block L = moe { experts 4, top 2, hidden 24, latent 16 }
  layers A-E-L
}
"""


def test_experts_have_the_roles_of_their_projections() -> None:
    found = roles(build(parse(EXPERTS)))
    experts = {"gate_proj": "hidden", "up_proj": "hidden", "down_proj": "output"}
    for name, role in experts.items():
        assert found[f"layers.1.mixer.experts.{name}.weight"] == role
        assert found[f"layers.1.mixer.experts.{name}.bias"] == "vector"
        assert found[f"layers.1.mixer.shared_expert.{name}.weight"] == role
        assert found[f"layers.2.mixer.experts.{name}.weight"] == "hidden", "within a latent space"
    assert found["layers.1.mixer.router.weight"] == "hidden"
    assert found["layers.1.mixer.router.bias"] == "vector"
    assert found["layers.2.mixer.latent_out.weight"] == "output"


def test_muon_takes_experts_and_not_their_biases(tmp_path: Path) -> None:
    model = build(parse(EXPERTS))
    _, muon = Optimizers(model, settings(tmp_path, optimizer="muon")).all
    taken = {id(each) for group in muon.param_groups for each in group["params"]}
    for name, parameter in model.layers[1].mixer.experts.named_parameters():
        assert (id(parameter) in taken) == name.endswith("weight")


def test_muon_updates_experts_as_it_updates_matrices() -> None:
    """A stack of tall matrices and one of wide ones."""
    generator = torch.Generator().manual_seed(0)
    for shape in ((5, 24, 16), (5, 16, 24)):
        start, *gradients = torch.randn(4, *shape, generator=generator)
        stack = torch.nn.Parameter(start.clone())
        alone = [torch.nn.Parameter(each.clone()) for each in start]
        group = {"weight_decay": 0.1, "lr": 0.02}
        optimizers = Muon([{"params": [stack], **group}]), Muon([{"params": alone, **group}])
        for gradient in gradients:
            stack.grad = gradient.clone()
            for matrix, its_gradient in zip(alone, gradient, strict=True):
                matrix.grad = its_gradient.clone()
            for optimizer in optimizers:
                optimizer.step()
        torch.testing.assert_close(stack, torch.stack(alone), atol=1e-5, rtol=1e-5)
        assert (stack - start).abs().max() > 0.01


def test_a_tied_embedding_is_one_parameter_with_the_role_of_the_head() -> None:
    model = build(parse(text(32, 4, tied=True)))
    listed = [each for _, group in parameters_by_role(model) for each in group]
    assert {id(each) for each in listed} == {id(each) for each in model.parameters()}
    assert len(listed) == len(set(map(id, listed)))
    assert roles(model)["embedding.weight"] == "head"


def test_at_the_base_size_weights_are_the_ordinary_ones() -> None:
    ordinary, rescaled = (build(parse(text(256, 16)), seed=3) for _ in range(2))
    rescale(rescaled)
    for one, other in zip(ordinary.parameters(), rescaled.parameters(), strict=True):
        assert torch.equal(one, other)


def test_weights_and_rates_follow_width_and_depth(tmp_path: Path) -> None:
    """Twice the base width at half its depth: r = 2, q = 2."""
    model = build(parse(text(512, 8)))
    before = {name: each.std().item() for name, each in model.named_parameters() if each.ndim == 2}
    rescale(model)
    ratio = {name: model.get_parameter(name).std().item() / std for name, std in before.items()}
    assert ratio["embedding.weight"] == pytest.approx(1.0)
    assert ratio["head.weight"] == pytest.approx(0.5)
    assert ratio["layers.1.mixer.up_proj.weight"] == pytest.approx(2**-0.5)
    assert ratio["layers.1.mixer.down_proj.weight"] == pytest.approx(1.0)
    optimizers = Optimizers(model, settings(tmp_path))
    (adamw,) = optimizers.all
    optimizers.step(0.5)
    rates = [group["lr"] / 3e-3 for group in adamw.param_groups]
    assert rates == pytest.approx([0.5, 0.5, 0.25, 0.5, 0.25])
    decays = [group["lr"] * group["weight_decay"] for group in adamw.param_groups]
    assert decays == pytest.approx([0, 0, 1.5e-4, 1.5e-4, 1.5e-4])


def test_muon_takes_the_hidden_matrices(tmp_path: Path) -> None:
    model = build(parse(text(32, 4)))
    adamw, muon = Optimizers(model, settings(tmp_path, optimizer="muon")).all
    matrices = {id(each) for group in muon.param_groups for each in group["params"]}
    by_role = roles(model)
    assert matrices == {
        id(model.get_parameter(name))
        for name, role in by_role.items()
        if role in ("hidden", "output")
    }
    rest = {id(each) for group in adamw.param_groups for each in group["params"]}
    assert matrices | rest == {id(each) for each in model.parameters()}
    assert not matrices & rest


def test_muon_is_that_of_torch() -> None:
    """But for its rounding to bfloat16."""
    generator = torch.Generator().manual_seed(0)
    start, *gradients = torch.randn(6, 24, 16, generator=generator)
    ours, theirs = (torch.nn.Parameter(start.clone()) for _ in range(2))
    group = {"params": [ours], "weight_decay": 0.1, "lr": 0.02}
    optimizers = (
        Muon([group]),
        torch.optim.Muon(
            [theirs], lr=0.02, weight_decay=0.1, adjust_lr_fn="match_rms_adamw", nesterov=True
        ),
    )
    for gradient in gradients:
        for parameter, optimizer in zip((ours, theirs), optimizers, strict=True):
            parameter.grad = gradient.clone()
            optimizer.step()
    with torch.no_grad():
        assert (ours - theirs).norm() < 0.02 * (theirs - start).norm()


def test_polar_makes_singular_values_one() -> None:
    matrix = torch.randn(40, 16, generator=torch.Generator().manual_seed(1))
    values = torch.linalg.svdvals(polar(matrix))
    assert values.min() > 0.6
    assert values.max() < 1.3


@torch.no_grad()
def logits_of(engine: Engine, tokens: torch.Tensor) -> torch.Tensor:
    return engine.model(tokens)


def change(width: int, depth: int, optimizer: str, folder: Path) -> float:
    """Return by how much four steps change the logits (root mean square)."""
    given = settings(
        folder, architecture=text(width, depth), steps=4, warmup=0.0, optimizer=optimizer
    )
    engine = Engine(given, TrainPlan.of(given), Processes(0, 1, torch.device("cpu")))
    tokens = torch.randint(1, 256, (4, 33), generator=torch.Generator().manual_seed(0))
    before = logits_of(engine, tokens)
    for step in range(4):
        engine.step(step, Batch(tokens.numpy(), None))
    return float((logits_of(engine, tokens) - before).square().mean().sqrt())


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_experts_learn(optimizer: str, tmp_path: Path) -> None:
    given = settings(
        tmp_path, architecture=EXPERTS.replace("vocab 11", "vocab 256"), steps=4, warmup=0.0,
        optimizer=optimizer,
    )  # fmt: skip
    engine = Engine(given, TrainPlan.of(given), Processes(0, 1, torch.device("cpu")))
    tokens = torch.randint(1, 256, (4, 33), generator=torch.Generator().manual_seed(0))
    before = {name: each.detach().clone() for name, each in engine.model.named_parameters()}
    losses = [engine.step(step, Batch(tokens.numpy(), None)).loss for step in range(4)]
    assert all(
        not torch.equal(each, before[name]) for name, each in engine.model.named_parameters()
    )
    assert losses[-1] < losses[0]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_step_changes_the_output_equally_at_every_size(optimizer: str, tmp_path: Path) -> None:
    base = change(64, 4, optimizer, tmp_path)
    for width, depth in ((256, 4), (64, 16)):
        assert 0.5 < change(width, depth, optimizer, tmp_path) / base < 2.0


def test_a_step_of_experts_cannot_be_recorded(tmp_path: Path) -> None:
    """The tokens of an expert differ from batch to batch."""
    given, gpu = settings(tmp_path, cuda_graph=True), Processes(0, 1, torch.device("cuda"))
    with pytest.raises(UsageError, match="those of moe are not") as caught:
        require_recordable(given, parse(EXPERTS), gpu)
    assert caught.value.code == "E1513"
    require_recordable(given, parse(text(32, 4)), gpu)
