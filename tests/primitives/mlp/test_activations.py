"""Activations and options of feed-forward layers against the classes of transformers."""

from itertools import product
from typing import get_args

import pytest
import torch
from transformers.activations import ACT2FN
from transformers.models.gemma.configuration_gemma import GemmaConfig
from transformers.models.gemma.modeling_gemma import GemmaMLP
from transformers.models.gpt_oss.configuration_gpt_oss import GptOssConfig
from transformers.models.gpt_oss.modeling_gpt_oss import GptOssExperts
from transformers.models.llama.configuration_llama import LlamaConfig
from transformers.models.llama.modeling_llama import LlamaMLP

from aira_dsl.language import parse, to_text
from aira_dsl.primitives import MLP as MLPSpec
from aira_dsl.primitives.base import Dimensions
from aira_dsl.primitives.mlp import cpu
from aira_dsl.primitives.mlp.module import MLP
from aira_dsl.primitives.mlp.spec import CLAMPED, GATED, Activation
from aira_dsl.testing.primitives import noise


def filled(**parameters: object) -> MLP:
    """Return a layer with weights of ordinary size, none of them zero."""
    mixer = MLP(MLPSpec.model_validate({"hidden": 48, **parameters}).resolve(32), 32)
    generator = torch.Generator().manual_seed(0)
    with torch.no_grad():
        for parameter in mixer.parameters():
            parameter.normal_(std=0.4, generator=generator)
    return mixer


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ("geglu", "gelu_pytorch_tanh"),
        ("geglu_exact", "gelu"),
        ("reglu", "relu"),
        ("swiglu", "silu"),
    ],
)
def test_gated_layers_with_biases_equal_llama(ours: Activation, theirs: str) -> None:
    config = LlamaConfig(hidden_size=32, intermediate_size=48, hidden_act=theirs, mlp_bias=True)
    mixer, other = filled(activation=ours, bias=True), LlamaMLP(config)
    other.load_state_dict(mixer.state_dict())
    x = noise(2, 5, 32)
    torch.testing.assert_close(mixer(x), other(x), atol=1e-5, rtol=1e-5)


def test_geglu_equals_gemma() -> None:
    mixer = filled(activation="geglu")
    other = GemmaMLP(GemmaConfig(hidden_size=32, intermediate_size=48))
    other.load_state_dict(mixer.state_dict())
    x = noise(2, 5, 32)
    torch.testing.assert_close(mixer(x), other(x), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("activation", ["silu", "gelu", "relu", "relu2"])
def test_plain_layers_are_a_product_an_activation_and_a_product(activation: str) -> None:
    mixer, x = filled(activation=activation, bias=True), noise(2, 5, 32)
    up, down = mixer.up_proj, mixer.down_proj
    hidden = ACT2FN[activation](x @ up.weight.T + up.bias)
    expected = hidden @ down.weight.T + down.bias
    torch.testing.assert_close(mixer(x), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("limit", [None, 1.5])
def test_clamped_swiglu_equals_an_expert_of_gpt_oss(limit: float | None) -> None:
    config = GptOssConfig(hidden_size=32, intermediate_size=48, num_local_experts=1)
    config.swiglu_limit = limit or 7.0
    mixer, other = (
        filled(activation="swiglu_clamped", bias=True, clamp=limit),
        GptOssExperts(config),
    )
    with torch.no_grad():
        gate_up = torch.stack((mixer.gate_proj.weight, mixer.up_proj.weight), 1).flatten(0, 1)
        bias = torch.stack((mixer.gate_proj.bias, mixer.up_proj.bias), 1).flatten()
        other.gate_up_proj.copy_(gate_up.T[None])
        other.gate_up_proj_bias.copy_(bias[None])
        other.down_proj.copy_(mixer.down_proj.weight.T[None])
        other.down_proj_bias.copy_(mixer.down_proj.bias[None])
        x = 3 * noise(10, 32)  # large enough for both limits
        expected = other(x, torch.zeros(10, 1, dtype=torch.long), torch.ones(10, 1))
        torch.testing.assert_close(mixer(x), expected, atol=1e-4, rtol=1e-5)


def test_clamped_swiglu_of_deepseek_v4_limits_both_factors() -> None:
    mixer, x = filled(activation="swiglu", clamp=0.5), noise(2, 5, 32)
    gate = (x @ mixer.gate_proj.weight.T).clamp(max=0.5)
    up = (x @ mixer.up_proj.weight.T).clamp(-0.5, 0.5)
    expected = (torch.nn.functional.silu(gate) * up) @ mixer.down_proj.weight.T
    torch.testing.assert_close(mixer(x), expected, atol=1e-5, rtol=1e-5)
    assert not torch.allclose(mixer(x), filled(activation="swiglu")(x), atol=1e-2)


def test_kernels_run_the_layers_that_they_know() -> None:
    known = {"swiglu", "relu", "relu2", "gelu"}
    for activation, bias in product(get_args(Activation), (False, True)):
        is_known = activation in known and not bias
        assert cpu.supports(filled(activation=activation, bias=bias)) == is_known
    assert not cpu.supports(filled(activation="swiglu", clamp=10.0))


def test_a_limit_belongs_to_the_activations_that_have_one() -> None:
    for activation in get_args(Activation):
        block = MLPSpec(activation=activation, clamp=2.0).resolve(32)
        assert (block.problems(32) == []) == (activation in CLAMPED)
    assert MLPSpec(activation="swiglu_clamped").resolve(8).clamp == 7.0
    assert MLPSpec(activation="swiglu").resolve(8).clamp is None


@pytest.mark.parametrize("activation", get_args(Activation))
def test_flops_are_those_of_the_products(activation: Activation) -> None:
    block = MLPSpec(hidden=10, activation=activation, bias=True).resolve(32)
    products = 3 if activation in GATED else 2
    assert block.training_flops(32, 99) == 6 * 32 * 10 * products
    biases = 10 * (products - 1) + 32
    assert block.parameters(32) == 32 * 10 * products + biases


def test_a_scale_keeps_the_gate_and_the_options() -> None:
    sizes = Dimensions(
        heads=1,
        kv_heads=1,
        head_dim=8,
        rope=1e4,
        hidden=99,
        inner=8,
        state=4,
        ssm_head_dim=8,
        conv=4,
    )
    block = MLPSpec(activation="geglu", bias=True)
    assert block.at(sizes) == MLPSpec(hidden=99, activation="geglu", bias=True)
    assert MLPSpec(activation="silu").at(sizes) == MLPSpec(hidden=99, activation="swiglu")


def test_options_are_written_where_they_are_used() -> None:
    text = "architecture x {\n  width 8\n  block M = mlp { activation swiglu_clamped, bias true }\n"
    architecture = parse(text + "  layers M\n}\n")
    assert "bias true" in to_text(architecture)
    assert parse(to_text(architecture)).fingerprint == architecture.fingerprint
    plain = parse(text.replace(", bias true", ", clamp 7") + "  layers M\n}\n")
    assert (
        plain.fingerprint == parse(text.replace(", bias true", "") + "  layers M\n}\n").fingerprint
    )
