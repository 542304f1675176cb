"""Options of Mamba-2 against the mixers of transformers that use them, whole and token by token."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from transformers import (
    BambaConfig,
    DynamicCache,
    FalconH1Config,
    GraniteMoeHybridConfig,
    PreTrainedConfig,
    Zamba2Config,
)
from transformers.models.bamba.modeling_bamba import BambaMixer
from transformers.models.falcon_h1.modeling_falcon_h1 import FalconH1Mixer, compute_mup_vector
from transformers.models.granitemoehybrid.modeling_granitemoehybrid import (
    GraniteMoeHybridMambaLayer,
)
from transformers.models.zamba2.modeling_zamba2 import Zamba2MambaMixer

from aira_dsl.primitives import Mamba2 as Spec
from aira_dsl.primitives.mamba2 import cpu
from aira_dsl.primitives.mamba2.module import Mamba2

WIDTH = 24
SIZES = {
    "hidden_size": WIDTH, "mamba_expand": 2, "mamba_n_heads": 6, "mamba_d_head": 8,
    "mamba_d_state": 4, "mamba_n_groups": 2, "mamba_d_conv": 4, "mamba_chunk_size": 8,
    "num_hidden_layers": 1, "rms_norm_eps": 1e-5,
}  # fmt: skip
BLOCK = Spec(inner=48, head_dim=8, state=4, groups=2)


def bamba(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = BambaConfig(**SIZES, **options)
    return BambaMixer(config, 0), config


def granite(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = GraniteMoeHybridConfig(**SIZES, layer_types=["linear_attention"], **options)
    return GraniteMoeHybridMambaLayer(config, 0), config


def falcon(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = FalconH1Config(**SIZES, mamba_d_ssm=48, **options)
    mixer = FalconH1Mixer(config, 0)
    mixer.register_buffer("mup_vector", compute_mup_vector(config), persistent=False)
    return mixer, config


def zamba(**options: object) -> tuple[nn.Module, PreTrainedConfig]:
    config = Zamba2Config(
        hidden_size=WIDTH, n_mamba_heads=6, mamba_headdim=8, mamba_d_state=4, mamba_ngroups=2,
        chunk_size=8, num_hidden_layers=1, layers_block_type=["linear_attention"], **options,
    )  # fmt: skip
    return Zamba2MambaMixer(config, 0), config


FAMILIES: dict[str, tuple[Callable[..., tuple[nn.Module, PreTrainedConfig]], Spec, dict]] = {
    "bamba": (bamba, BLOCK, {}),
    "granite": (granite, BLOCK, {}),
    "bamba with other biases": (
        bamba,
        BLOCK.model_copy(update={"bias": True, "conv_bias": False}),
        {"mamba_proj_bias": True, "mamba_conv_bias": False},
    ),
    "falcon without a norm": (
        falcon, BLOCK.model_copy(update={"gated_norm": None}), {"mamba_rms_norm": False},
    ),
    "falcon with the norm first": (
        falcon,
        BLOCK.model_copy(update={"gated_norm": "norm_first"}),
        {"mamba_rms_norm": True, "mamba_norm_before_gate": True},
    ),
    "zamba2 with small steps": (
        zamba, BLOCK.model_copy(update={"dt_min": 0.05}), {"time_step_min": 0.05},
    ),
    "bamba with limits of steps": (
        bamba,
        BLOCK.model_copy(update={"dt_min": 0.05, "dt_max": 0.3}),
        {"time_step_limit": (0.05, 0.3)},
    ),
}  # fmt: skip


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_transformers(family: str) -> None:
    make, block, options = FAMILIES[family]
    theirs, config = make(**options)
    ours = Mamba2(block, WIDTH)
    generator = torch.Generator().manual_seed(0)
    ours.init_weights(generator, depth=1)
    with torch.no_grad():
        for name, parameter in ours.named_parameters():
            scale = 0.1 if name in ("A_log", "dt_bias") else 0.3
            parameter.add_(scale * torch.randn(parameter.shape, generator=generator))
    theirs.load_state_dict(ours.state_dict())
    x_BLD = torch.randn(2, 19, WIDTH, generator=torch.Generator().manual_seed(1))
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BLD), theirs(x_BLD), atol=1e-5, rtol=1e-5)
        if block.dt_min is not None:
            return  # transformers does not apply the limits while it decodes
        cache, their_cache = ours.new_cache(2), DynamicCache(config=config)
        for piece_BLD in x_BLD.split([11] + [1] * 8, dim=1):
            expected_BLD = theirs(piece_BLD, cache_params=their_cache)
            torch.testing.assert_close(ours(piece_BLD, cache), expected_BLD, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize(
    "option", [{"gated_norm": None}, {"conv_bias": False}, {"bias": True}, {"dt_min": 0.1}], ids=str
)
def test_kernels_of_the_cpu_leave_options_to_the_module(option: dict[str, object]) -> None:
    assert cpu.supports(Mamba2(BLOCK, WIDTH))
    assert not cpu.supports(Mamba2(BLOCK.model_copy(update=option), WIDTH))


def test_blocks_without_options_keep_their_identity() -> None:
    assert BLOCK.model_dump().keys() == {"kind", "inner", "state", "head_dim", "conv", "groups"}
    assert Spec(bias=True).model_dump()["bias"] is True


def test_the_smallest_step_is_not_above_the_largest() -> None:
    ((field, message, help_text),) = Spec(dt_min=0.5, dt_max=0.1).problems(WIDTH)
    assert (field, message) == ("dt_max", "dt_max 0.1 is below dt_min 0.5")
    assert help_text == "use dt_max 0.5 or more, or none"
