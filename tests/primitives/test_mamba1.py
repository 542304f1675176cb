"""Mamba-1 against transformers' mixers, and its scan against the plain recurrence."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import (
    DynamicCache,
    FalconMambaConfig,
    JambaConfig,
    MambaConfig,
    PreTrainedConfig,
)
from transformers.models.falcon_mamba.modeling_falcon_mamba import FalconMambaMixer
from transformers.models.jamba.modeling_jamba import JambaMambaMixer
from transformers.models.mamba.modeling_mamba import MambaMixer

from aira_dsl.primitives import Mamba1 as Spec
from aira_dsl.primitives.mamba1.module import Mamba1
from aira_dsl.primitives.mamba1.scan import Operands, selective_scan

WIDTH = 24
SIZES = {"hidden_size": WIDTH, "state_size": 4, "conv_kernel": 4, "num_hidden_layers": 1}


def mamba(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = MambaConfig(**SIZES, **options)
    return MambaMixer(config, 0), config


def falcon(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = FalconMambaConfig(**SIZES, **options)
    # With weights drawn it fails: they are drawn before the norms are there (transformers 5.23).
    return FalconMambaMixer(config, 0, initialize_mixer_weights=False), config


def jamba(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = JambaConfig(
        hidden_size=WIDTH, mamba_d_state=4, num_hidden_layers=1, rms_norm_eps=1e-5,
        attn_layer_period=2, attn_layer_offset=1, expert_layer_period=2, expert_layer_offset=1,
        **options,
    )  # fmt: skip
    return JambaMambaMixer(config, 0), config


BLOCK = Spec(inner=48, state=4)
FAMILIES: dict[str, tuple[Callable[..., tuple[nn.Module, PreTrainedConfig]], Spec, dict]] = {
    "mamba": (mamba, BLOCK, {}),
    "mamba with other biases": (
        mamba,
        BLOCK.model_copy(update={"bias": True, "conv_bias": False, "dt_rank": 5}),
        {"use_bias": True, "use_conv_bias": False, "time_step_rank": 5},
    ),
    "jamba": (jamba, BLOCK.model_copy(update={"norms": "rms"}), {}),
    "falcon-mamba": (
        falcon,
        BLOCK.model_copy(update={"norms": "weightless", "norm_eps": 1e-3}),
        {"mixer_rms_eps": 1e-3},
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_transformers(family: str) -> None:
    make, block, options = FAMILIES[family]
    theirs, config = make(**options)
    ours = Mamba1(block.resolve(WIDTH), WIDTH)
    generator = torch.Generator().manual_seed(0)
    ours.init_weights(generator, depth=1)
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            scale = 0.1 if name in ("A_log", "dt_proj.bias") else 0.3
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    theirs.load_state_dict(ours.state_dict())
    x_BLD = torch.randn(2, 23, WIDTH, generator=torch.Generator().manual_seed(1))
    cache, their_cache = ours.new_cache(2), DynamicCache(config=config)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BLD), theirs(x_BLD), atol=1e-5, rtol=1e-5)
        for piece_BLD in x_BLD.split([14] + [1] * 9, dim=1):
            expected_BLD = theirs(piece_BLD, cache_params=their_cache)
            torch.testing.assert_close(ours(piece_BLD, cache), expected_BLD, atol=1e-5, rtol=1e-5)


def operands(length: int, *, dt: float = 0.3, decay: float = 2.0) -> Operands:
    generator = torch.Generator().manual_seed(0)
    return Operands(
        torch.randn(2, length, 3, generator=generator).double().requires_grad_(),
        torch.full((2, length, 3), dt).double().requires_grad_(),
        (-decay * torch.rand(3, 5, generator=generator)).double().requires_grad_(),
        torch.randn(2, length, 5, generator=generator).double().requires_grad_(),
        torch.randn(2, length, 5, generator=generator).double().requires_grad_(),
        torch.randn(3, generator=generator).double().requires_grad_(),
    )


@pytest.mark.parametrize("length", [1, 2, 3, 8, 9, 10, 50])
def test_scan_is_the_recurrence(length: int) -> None:
    case, state = operands(length), torch.randn(2, 3, 5).double()
    y_BLE, last_BEN = selective_scan(case, state)
    for t in range(length):
        x, dt, B, C = (each[:, t] for each in (case.x_BLE, case.dt_BLE, case.B_BLN, case.C_BLN))
        decay = (dt.unsqueeze(-1) * case.A_EN).exp()
        state = decay * state + (dt * x).unsqueeze(-1) * B.unsqueeze(1)
        torch.testing.assert_close(y_BLE[:, t], (state * C.unsqueeze(1)).sum(-1) + case.D_E * x)
    torch.testing.assert_close(last_BEN, state)


@pytest.mark.parametrize("dt", [1e-30, 0.1, 1e4, 1e30])
@pytest.mark.parametrize("decay", [1e-20, 16.0, 1e4])
def test_no_decay_overflows_forward_or_backward(dt: float, decay: float) -> None:
    """Everything stays finite (or as large as the exact result is) for any step and decay."""
    case = Operands(*(each.detach().float().requires_grad_() for each in operands(50)))
    case = case._replace(
        dt_BLE=torch.full((2, 50, 3), dt).requires_grad_(),
        A_EN=torch.full((3, 5), -decay).requires_grad_(),
    )
    y_BLE, last_BEN = selective_scan(case)
    assert torch.isfinite(y_BLE).all()
    assert torch.isfinite(last_BEN).all()
    gradients = torch.autograd.grad((y_BLE / max(dt, 1)).sum(), case)
    assert not any(torch.isnan(gradient).any() for gradient in gradients)


def test_costs_of_mamba1() -> None:
    """The formulas for E = 2·d: 6·d² + … parameters, 9·E·N FLOPs of the scan, E·N in float32."""
    d, e, n, r, k = 1024, 2048, 16, 64, 4
    block = Spec(inner=e, state=n).resolve(d)
    linear = 2 * d * e + e * (r + 2 * n) + r * e + e * d
    assert block.parameters(d) == linear + e * (k + 1) + e + e * n + e
    assert block.training_flops(d, 4096) == 3 * (2 * linear + 2 * e * k + 9 * e * n)
    assert block.state_bytes(d) == 4 * e * n + 2 * e * (k - 1)
    assert (
        block.model_copy(update={"norms": "rms"}).parameters(d) == block.parameters(d) + r + 2 * n
    )


def test_initialization_is_that_of_mamba_ssm() -> None:
    mixer = Mamba1(Spec(inner=4000, state=3).resolve(64), 64)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=4)
    dt = nn.functional.softplus(mixer.dt_proj.bias.detach().double())
    assert dt.min() > 0.00099
    assert dt.max() < 0.1001
    assert (mixer.A_log.exp() - torch.tensor([1.0, 2.0, 3.0])).abs().max() < 1e-5
    assert mixer.dt_proj.weight.abs().max() <= 0.5  # the rank is 4
    assert list(mixer.state_dict()) == [
        "A_log", "D", "in_proj.weight", "conv1d.weight", "conv1d.bias", "x_proj.weight",
        "dt_proj.weight", "dt_proj.bias", "out_proj.weight",
    ]  # fmt: skip
