"""Gated DeltaNet against the mixers of three families of transformers, whole and by tokens."""

import pytest
import torch
from torch import nn
from transformers import DynamicCache, OlmoHybridConfig, PreTrainedConfig, Qwen3_5TextConfig
from transformers import Qwen3NextConfig as NextConfig
from transformers.models.olmo_hybrid.modeling_olmo_hybrid import OlmoHybridGatedDeltaNet
from transformers.models.qwen3_5.modeling_qwen3_5 import Qwen3_5GatedDeltaNet
from transformers.models.qwen3_next.modeling_qwen3_next import (
    Qwen3NextGatedDeltaNet,
    torch_chunk_gated_delta_rule,
)

from aira_dsl.primitives.common.delta_net import run_kernel
from aira_dsl.primitives.common.delta_rule import delta_rule
from aira_dsl.primitives.gated_delta_net.module import GatedDeltaNet
from aira_dsl.primitives.gated_delta_net.spec import GatedDeltaNet as Spec
from tests.primitives.delta.operands import filled, random_operands

WIDTH = 24
LAYERS = ["linear_attention", "full_attention"]


def sizes_of(block: Spec) -> dict[str, int]:
    return {
        "linear_num_key_heads": block.key_heads,
        "linear_num_value_heads": block.value_heads,
        "linear_key_head_dim": block.key_dim,
        "linear_value_head_dim": block.value_dim,
        "linear_conv_kernel_dim": block.conv,
    }


def common(block: Spec) -> dict[str, object]:
    return {"hidden_size": WIDTH, "layer_types": LAYERS, "num_hidden_layers": 2} | sizes_of(block)


def qwen3_5(ours: GatedDeltaNet) -> tuple[nn.Module, PreTrainedConfig]:
    """The names are the same."""
    config = Qwen3_5TextConfig(**common(ours.block))
    theirs = Qwen3_5GatedDeltaNet(config, layer_idx=0)
    theirs.load_state_dict(ours.state_dict())
    return theirs, config


def qwen3_next(ours: GatedDeltaNet) -> tuple[nn.Module, PreTrainedConfig]:
    """One projection holds q, k, v, z of each key head in turn, another b and a."""
    config = NextConfig(**common(ours.block))
    weights, block = ours.state_dict(), ours.block
    keys = block.key_heads * block.key_dim
    q, k, v = weights.pop("in_proj_qkv.weight").split([keys, keys, block.inner])
    by_head = [
        each.unflatten(0, (block.key_heads, -1))
        for each in (q, k, v, weights.pop("in_proj_z.weight"))
    ]
    steps = [
        weights.pop(f"in_proj_{name}.weight").unflatten(0, (block.key_heads, -1)) for name in "ba"
    ]
    weights["in_proj_qkvz.weight"] = torch.cat(by_head, 1).flatten(0, 1)
    weights["in_proj_ba.weight"] = torch.cat(steps, 1).flatten(0, 1)
    theirs = Qwen3NextGatedDeltaNet(config, layer_idx=0)
    theirs.load_state_dict(weights)
    return theirs, config


def olmo_hybrid(ours: GatedDeltaNet) -> tuple[nn.Module, PreTrainedConfig]:
    """q, k and v have projections of their own; the norm's epsilon is 1e-5 whatever the model's."""
    config = OlmoHybridConfig(num_attention_heads=2, **common(ours.block))
    weights, block = ours.state_dict(), ours.block
    keys = block.key_heads * block.key_dim
    names = {
        "in_proj_z": "g_proj",
        "in_proj_b": "b_proj",
        "in_proj_a": "a_proj",
        "norm": "o_norm",
        "out_proj": "o_proj",
    }
    split = weights.pop("in_proj_qkv.weight").split([keys, keys, block.inner])
    weights = {_renamed(key, names): value for key, value in weights.items()}
    weights |= {f"{name}_proj.weight": each for name, each in zip("qkv", split, strict=True)}
    theirs = OlmoHybridGatedDeltaNet(config, layer_idx=0)
    theirs.load_state_dict(weights)
    return theirs, config


def _renamed(key: str, names: dict[str, str]) -> str:
    module, dot, name = key.partition(".")
    return names.get(module, module) + dot + name


FAMILIES = {
    "qwen3.5": (qwen3_5, Spec(key_heads=2, value_heads=4, key_dim=8, value_dim=6, norm_eps=1e-6)),
    "qwen3-next": (
        qwen3_next,
        Spec(key_heads=2, value_heads=6, key_dim=8, value_dim=8, norm_eps=1e-6),
    ),
    "olmo-hybrid": (
        olmo_hybrid,
        Spec(key_heads=3, value_heads=3, key_dim=6, value_dim=12, negative_eigenvalues=True),
    ),
}


@pytest.mark.parametrize("family", FAMILIES)
def test_equals_transformers(family: str) -> None:
    """To 1e-5, all at once and with caches, a few tokens and single ones."""
    make, block = FAMILIES[family]
    ours = filled(GatedDeltaNet(block, WIDTH))
    theirs, config = make(ours)
    x_BLD = torch.randn(2, 75, WIDTH, generator=torch.Generator().manual_seed(1))
    cache, their_cache = ours.new_cache(2), DynamicCache(config=config)
    with torch.no_grad():
        torch.testing.assert_close(ours(x_BLD), theirs(x_BLD), atol=1e-5, rtol=1e-5)
        for piece_BLD in x_BLD.split([33] + [1] * 7 + [35], dim=1):
            expected_BLD = theirs(piece_BLD, cache_params=their_cache)
            torch.testing.assert_close(ours(piece_BLD, cache), expected_BLD, atol=1e-5, rtol=1e-5)


def test_gradients_equal_transformers() -> None:
    ours = filled(GatedDeltaNet(FAMILIES["qwen3.5"][1], WIDTH))
    theirs, _ = qwen3_5(ours)
    x_BLD = torch.randn(2, 40, WIDTH, generator=torch.Generator().manual_seed(1))
    for mixer in (ours, theirs):
        mixer(x_BLD).square().sum().backward()
    expected = {name: parameter.grad for name, parameter in theirs.named_parameters()}
    for name, parameter in ours.named_parameters():
        torch.testing.assert_close(parameter.grad, expected[name], atol=1e-4, rtol=1e-4)


def test_kernel_is_called_as_documented() -> None:
    """The signature of flash-linear-attention, which transformers' code for CPUs shares."""
    operands, state_BHKV = random_operands(length=21, decays=1)
    found = run_kernel(torch_chunk_gated_delta_rule, operands, state_BHKV)
    expected = delta_rule(operands, chunk=8, state_BHKV=state_BHKV)
    torch.testing.assert_close(found, expected, atol=1e-5, rtol=1e-5)


def test_costs_of_qwen3_next() -> None:
    """The formulas of a layer with 16 key heads and 32 value heads of 128 channels."""
    block, width = Spec(key_heads=16, value_heads=32, key_dim=128, value_dim=128), 2048
    keys, values = 16 * 128, 32 * 128
    projections = width * (2 * keys + 2 * values) + 2 * width * 32 + values * width
    convolution = 4 * (2 * keys + values)
    assert block.parameters(width) == projections + convolution + 2 * 32 + 128
    linear = 2 * (projections + convolution)
    assert block.training_flops(width, 4096) == 3 * (linear + 7 * 32 * 128 * 128)
    assert block.training_flops(width, 4096, "megatron") == 3 * (linear + 8 * 32 * 128 * 128)
    assert block.state_bytes(width) == 4 * 32 * 128 * 128 + 2 * 3 * (2 * keys + values)


def test_key_heads_divide_the_value_heads() -> None:
    ((field, message, _),) = Spec(key_heads=3, value_heads=4).problems(64)
    assert (field, message) == ("key_heads", "value_heads 4 is not divisible by key_heads 3")
