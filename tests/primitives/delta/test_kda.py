"""Kimi Delta Attention against the mixers of three families, whole and by tokens."""

import pytest
import torch
from torch import Tensor, nn
from transformers import DynamicCache, PreTrainedConfig
from transformers.models.bailing_hybrid.configuration_bailing_hybrid import BailingHybridConfig
from transformers.models.bailing_hybrid.modeling_bailing_hybrid import BailingHybridDeltaAttention
from transformers.models.glm5_next.configuration_glm5_next import Glm5NextTextConfig
from transformers.models.glm5_next.modeling_glm5_next import Glm5NextTextLinearAttention
from transformers.models.kimi_linear.configuration_kimi_linear import KimiLinearConfig
from transformers.models.kimi_linear.modeling_kimi_linear import (
    KimiLinearDeltaAttention,
    chunk_kimi_delta_attention,
)

from aira_dsl.primitives.common.delta_net import run_kernel
from aira_dsl.primitives.common.delta_rule import delta_rule
from aira_dsl.primitives.kda.module import KDA
from aira_dsl.primitives.kda.spec import KDA as Spec
from tests.primitives.delta.operands import filled, random_operands

WIDTH, EPS = 24, 1e-5


def config_of(kind: type[PreTrainedConfig], block: Spec, **others: object) -> PreTrainedConfig:
    return kind(
        hidden_size=WIDTH,
        linear_num_heads=block.heads,
        linear_head_dim=block.head_dim,
        linear_conv_kernel_dim=block.conv,
        rms_norm_eps=EPS,
        layer_types=["linear_attention"],
        mlp_layer_types=["dense"],
        num_hidden_layers=1,
        **others,
    )


def renamed(ours: KDA) -> dict[str, Tensor]:
    """Return our weights by their names: three projections for ours of q, k and v."""
    weights = ours.state_dict()
    q, k, v = weights.pop("in_proj_qkv.weight").chunk(3)
    weights |= {"q_proj.weight": q, "k_proj.weight": k, "v_proj.weight": v}
    for name in ("dt_bias", "A_log", *(key for key in list(weights) if key.startswith("f_"))):
        weights[f"forget_gate.{name}"] = weights.pop(name)
    weights["o_norm.weight"] = weights.pop("norm.weight")
    weights["o_proj.weight"] = weights.pop("out_proj.weight")
    return weights


def kimi(ours: KDA) -> tuple[nn.Module, PreTrainedConfig]:
    config = config_of(KimiLinearConfig, ours.block)
    theirs, weights = KimiLinearDeltaAttention(config, layer_idx=0), renamed(ours)
    weights["forget_gate.A_log"] = weights["forget_gate.A_log"].view(1, 1, -1, 1)
    theirs.load_state_dict(weights)
    return theirs, config


def bailing(ours: KDA) -> tuple[nn.Module, PreTrainedConfig]:
    bound = ours.block.lower_bound
    safe = {"kda_safe_gate": bound is not None, "kda_lower_bound": -(bound or 0.0)}
    config = config_of(BailingHybridConfig, ours.block, **safe)
    theirs = BailingHybridDeltaAttention(config, layer_idx=0)
    theirs.load_state_dict(renamed(ours))
    return theirs, config


def glm(ours: KDA) -> tuple[nn.Module, PreTrainedConfig]:
    config = config_of(Glm5NextTextConfig, ours.block, linear_lower_bound=-ours.block.lower_bound)
    theirs = Glm5NextTextLinearAttention(config, layer_idx=0)
    theirs.load_state_dict(renamed(ours))
    return theirs, config


FAMILIES = {
    "kimi-linear": (kimi, Spec(heads=3, head_dim=8, rank=8)),
    "ling-3": (bailing, Spec(heads=2, head_dim=6, rank=None, lower_bound=5.0)),
    "ling-3-without-bound": (bailing, Spec(heads=2, head_dim=6, rank=None)),
    "glm-5.3": (glm, Spec(heads=2, head_dim=8, rank=8, lower_bound=5.0, conv=3)),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_transformers(family: str) -> None:
    """To 1e-5, all at once and with caches, a few tokens and single ones."""
    make, block = FAMILIES[family]
    ours = filled(KDA(block, WIDTH, EPS))
    theirs, config = make(ours)
    x_BLD = torch.randn(2, 43, WIDTH, generator=torch.Generator().manual_seed(1))
    cache, their_cache = ours.new_cache(2), DynamicCache(config=config)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BLD), theirs(x_BLD), atol=1e-5, rtol=1e-5)
        for piece_BLD in x_BLD.split([21] + [1] * 3 + [19], dim=1):
            expected_BLD = theirs(piece_BLD, cache_params=their_cache)
            torch.testing.assert_close(ours(piece_BLD, cache), expected_BLD, atol=1e-5, rtol=1e-5)


def test_kernel_is_called_as_documented() -> None:
    """The signature of flash-linear-attention, which transformers' code for CPUs shares."""
    operands, state_BHKV = random_operands(length=21, decays=6)
    found = run_kernel(chunk_kimi_delta_attention, operands, state_BHKV)
    expected = delta_rule(operands, chunk=8, state_BHKV=state_BHKV)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("rank", [128, None])
def test_costs_of_kimi_linear(rank: int | None) -> None:
    """The formulas of a layer with 32 heads of 128 channels; gates of low or full rank."""
    block, width, inner = Spec(heads=32, head_dim=128, rank=rank), 2304, 4096
    gates = 2 * width * inner if rank is None else 2 * rank * (width + inner)
    projections = 4 * width * inner + 32 * width + gates
    assert block.parameters(width) == projections + 3 * inner * 4 + inner + 32 + 128
    linear = 2 * (projections + 3 * inner * 4)
    assert block.training_flops(width, 4096) == 3 * (linear + 7 * inner * 128)
    assert block.training_flops(width, 4096, "megatron") == 3 * (linear + 8 * inner * 128)
    assert block.state_bytes(width) == 4 * inner * 128 + 2 * 3 * 3 * inner
