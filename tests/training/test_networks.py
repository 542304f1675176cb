"""The network of every task: shapes, seeds, and that every parameter is trained."""

import math
from collections.abc import Iterator

import numpy as np
import pytest
import torch
from torch import nn
from torch.nn import functional as F

from aira_dsl.architecture import Architecture
from aira_dsl.data.task import TaskSettings
from aira_dsl.data.tasks import IGNORE, TASKS, Compression, LanguageTask, SelectiveCopying
from aira_dsl.models import build
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.training.networks import AutoEncoder, network, sinusoids

ARCHITECTURE = Architecture(
    width=32,
    vocab=999,
    blocks={
        "A": Attention(heads=2, rope=10_000.0),
        "M": MLP(hidden=48, activation="relu"),
        "Mb": Mamba2(inner=32, head_dim=16),
    },
    layers=("Mb", "A", "M"),
)
TIED = ARCHITECTURE.model_copy(update={"tie_embeddings": True})
EVERY: list[TaskSettings] = [
    *(task(length=16) for name, task in TASKS.items() if name != "selective-copying"),
    SelectiveCopying(length=16, copy_tokens=3),
    LanguageTask(length=16),
]

every_task = pytest.mark.parametrize("task", EVERY, ids=lambda task: task.name)


@pytest.fixture(autouse=True, scope="module")
def one_thread() -> Iterator[None]:
    """Small tensors: threads only get in each other's way."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


def some(task: TaskSettings) -> tuple[torch.Tensor, torch.Tensor]:
    examples = task.source()("train", np.random.default_rng(0), 3)
    return torch.from_numpy(examples.inputs), torch.from_numpy(examples.targets)


def state(net: nn.Module) -> list[torch.Tensor]:
    return [value.clone() for value in net.state_dict().values()]


@every_task
@pytest.mark.parametrize("architecture", [ARCHITECTURE, TIED], ids=["untied", "tied"])
def test_logits_and_that_every_parameter_gets_a_gradient(
    task: TaskSettings, architecture: Architecture
) -> None:
    inputs_BL, targets_BL = some(task)
    net = network(task, architecture, seed=0)
    logits_BLV = net(inputs_BL)
    assert logits_BLV.shape == (*inputs_BL.shape, task.vocab)
    F.cross_entropy(logits_BLV.flatten(0, 1), targets_BL.flatten(), ignore_index=IGNORE).backward()
    for name, parameter in net.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.abs().sum() > 0, name


@every_task
def test_weights_follow_from_the_seed_and_nothing_else(task: TaskSettings) -> None:
    torch.manual_seed(1)
    first = state(network(task, ARCHITECTURE, seed=5))
    torch.manual_seed(2)
    before = torch.get_rng_state()
    again = state(network(task, ARCHITECTURE, seed=5))
    assert torch.equal(before, torch.get_rng_state())
    other = state(network(task, ARCHITECTURE, seed=6))
    assert all(map(torch.equal, first, again))
    matrices = [(a, b) for a, b in zip(first, other, strict=True) if a.dim() > 1]
    assert not any(torch.equal(a, b) for a, b in matrices)


def test_compression_keeps_what_the_compiler_drew() -> None:
    """The reference's auto-encoder draws Mamba's time steps again (dt bias 0)."""
    task = Compression()
    encoder = network(task, ARCHITECTURE, seed=3).encoder
    built = build(ARCHITECTURE, seed=3, vocab=task.vocab).state_dict()
    found = {name.removeprefix("model."): value for name, value in encoder.state_dict().items()}
    assert set(built) - set(found) == {"head.weight"}
    assert all(torch.equal(found[name], built[name]) for name in found)
    (dt_bias,) = (value for name, value in found.items() if name.endswith("dt_bias"))
    assert dt_bias.abs().min() > 0


def test_decoder_weights_are_no_copy_of_the_encoders() -> None:
    """Both are drawn from one seed: the streams must differ."""
    net = network(Compression(vocab=32), ARCHITECTURE, seed=0)
    embedding_VD = next(net.encoder.parameters()).detach().flatten()
    linear_DD = net.decoder[1].weight.detach().flatten()
    assert abs(torch.corrcoef(torch.stack([embedding_VD, linear_DD]))[0, 1]) < 0.15
    assert linear_DD.std() == pytest.approx(0.02, rel=0.1)


def test_decoder_sees_only_the_last_hidden_state() -> None:
    net = network(Compression(vocab=9, length=12), ARCHITECTURE, seed=0)
    assert isinstance(net, AutoEncoder)
    hidden_BLD = torch.randn(2, 12, 32, generator=torch.Generator().manual_seed(0))
    net.encoder.hidden = lambda tokens_BL: hidden_BLD
    tokens_BL = torch.zeros(2, 12, dtype=torch.int64)
    first = net(tokens_BL)
    hidden_BLD = torch.cat([torch.randn(2, 11, 32), hidden_BLD[:, -1:]], dim=1)
    assert torch.equal(first, net(tokens_BL))
    hidden_BLD = hidden_BLD * 2
    assert not torch.equal(first, net(tokens_BL))


def test_decoder_is_the_published_chain() -> None:
    net = network(Compression(vocab=9, length=6), ARCHITECTURE, seed=0)
    tokens_BL = torch.randint(9, (2, 6), generator=torch.Generator().manual_seed(0))
    last_BD = net.encoder.hidden(tokens_BL)[:, -1]
    weights = dict(net.decoder.named_parameters())
    for position in range(6):
        z_BD = last_BD + sinusoids(6, 32)[position]
        for norm, linear in ((0, 1), (3, 4), (6, 7)):
            z_BD = z_BD / (z_BD.square().mean(-1, keepdim=True) + ARCHITECTURE.norm_eps).sqrt()
            z_BD = z_BD * weights[f"{norm}.weight"]
            z_BD = z_BD @ weights[f"{linear}.weight"].T + weights[f"{linear}.bias"]
            if linear != 7:
                z_BD = 0.5 * z_BD * (1 + torch.erf(z_BD / math.sqrt(2)))
        assert torch.allclose(net(tokens_BL)[:, position], z_BD, atol=1e-6)


@pytest.mark.parametrize("width", [8, 7])
def test_sinusoids_by_formula(width: int) -> None:
    table = sinusoids(20, width)
    assert table.shape == (20, width)
    for position in (0, 1, 19):
        for column in range(width):
            angle = position / 10_000 ** (2 * (column // 2) / width)
            wanted = math.cos(angle) if column % 2 else math.sin(angle)
            assert table[position, column].item() == pytest.approx(wanted, abs=1e-6)
