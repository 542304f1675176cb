"""Multi-head latent attention: the contract, transformers' classes, costs and rules."""

import math
from dataclasses import replace

import pytest
import torch
from torch import Tensor, nn
from transformers import (
    BailingHybridConfig,
    DeepseekV3Config,
    DynamicCache,
    Glm4MoeLiteConfig,
    KimiLinearConfig,
)
from transformers.models.bailing_hybrid.modeling_bailing_hybrid import BailingHybridAttention
from transformers.models.deepseek_v3.modeling_deepseek_v3 import (
    DeepseekV3Attention,
    DeepseekV3RotaryEmbedding,
)
from transformers.models.glm4_moe_lite.modeling_glm4_moe_lite import Glm4MoeLiteAttention
from transformers.models.kimi_linear.modeling_kimi_linear import KimiLinearAttention

from aira_dsl.language import check
from aira_dsl.primitives.base import Dimensions
from aira_dsl.primitives.mla.module import MLA
from aira_dsl.primitives.mla.spec import MLA as Spec
from aira_dsl.testing.primitives import PrimitiveContract, noise
from tests.helpers.exported import assert_exported_code_agrees

BLOCKS = {
    "one-projection-of-queries": Spec(heads=3, kv_rank=10, nope_dim=5, rope_dim=4, value_dim=6),
    "latent-of-queries": Spec(heads=2, q_rank=7, kv_rank=8, nope_dim=4, rope_dim=2, value_dim=8),
    "halves-and-gate": Spec(heads=2, kv_rank=9, interleaved=False, gate="head", norm_eps=1e-3),
    "no-positions": Spec(heads=2, kv_rank=9, rope_dim=3, rope=None),
    "long-context": Spec(
        heads=2, kv_rank=9, rope_dim=8, rope=500.0, rope_scaling="yarn", rope_factor=4.0,
        rope_original=64, rope_high=8.0, scale=0.4,
    ),
}  # fmt: skip


class TestContract(PrimitiveContract):
    cases = 3

    @pytest.fixture(autouse=True, params=BLOCKS)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.block = BLOCKS[request.param]


SIZES = {
    "hidden_size": 32, "num_attention_heads": 4, "num_key_value_heads": 4, "kv_lora_rank": 12,
    "qk_nope_head_dim": 6, "qk_rope_head_dim": 4, "v_head_dim": 5, "attention_bias": False,
    "attn_implementation": "eager",
}  # fmt: skip
ROPE = {"rope_parameters": {"rope_type": "default", "rope_theta": 100.0}}
OURS = {"heads": 4, "kv_rank": 12, "nope_dim": 6, "rope_dim": 4, "value_dim": 5, "norm_eps": 1e-6}

DEEPSEEK = DeepseekV3Config(**SIZES, **ROPE, q_lora_rank=9)
YARN = DeepseekV3Config(
    **SIZES | {"qk_rope_head_dim": 8}, q_lora_rank=None, max_position_embeddings=64,
    rope_parameters={
        "rope_type": "yarn", "rope_theta": 500.0, "factor": 4.0, "beta_fast": 8.0,
        "original_max_position_embeddings": 16, "mscale": 1.0, "mscale_all_dim": 0.7,
    },
)  # fmt: skip
MSCALE = 0.1 * 0.7 * math.log(4) + 1
LONG = {
    "rope_dim": 8, "rope": 500.0, "rope_scaling": "yarn", "rope_factor": 4.0, "rope_original": 16,
    "rope_high": 8.0, "rope_attention": (0.1 * math.log(4) + 1) / MSCALE,
    "scale": MSCALE**2 / 14**0.5,
}  # fmt: skip
HALVES = DeepseekV3Config(**SIZES, **ROPE, q_lora_rank=None, rope_interleave=False)
GLM = Glm4MoeLiteConfig(**SIZES, **ROPE, q_lora_rank=9)
KIMI = KimiLinearConfig(**SIZES, q_lora_rank=None)
LING = BailingHybridConfig(**SIZES, **ROPE)


@pytest.mark.parametrize(
    ("theirs", "block"),
    [
        (DeepseekV3Attention(DEEPSEEK, 0), Spec(**OURS, rope=100.0, q_rank=9)),
        (DeepseekV3Attention(HALVES, 0), Spec(**OURS, rope=100.0, interleaved=False)),
        (DeepseekV3Attention(YARN, 0), Spec(**OURS | LONG)),
        (Glm4MoeLiteAttention(GLM, 0), Spec(**OURS, rope=100.0, q_rank=9)),
        (KimiLinearAttention(KIMI, 0), Spec(**OURS, rope=None)),
        (BailingHybridAttention(LING, 0), Spec(**OURS, rope=100.0, gate="head")),
    ],
    ids=[
        "deepseek_v3",
        "deepseek_v3-halves",
        "deepseek_v3-yarn",
        "glm4_moe_lite",
        "kimi_linear",
        "bailing_hybrid",
    ],
)
def test_equals_transformers(theirs: nn.Module, block: Spec) -> None:
    ours, x = MLA(block.resolve(32), 32), noise(2, 20, 32)
    ours.init_weights(torch.Generator().manual_seed(0), depth=1)
    with torch.no_grad():
        for weight in ours.parameters():
            weight.add_(noise(*weight.shape, seed=weight.shape[0]), alpha=0.2)
        theirs.load_state_dict(ours.state_dict())
        expected = run(theirs, block, x)
        torch.testing.assert_close(ours(x), expected, atol=1e-5, rtol=1e-5)
        cache = ours.new_cache(2)
        pieces = [ours(piece, cache) for piece in x.split([7, 1, 1, 4, 1, 6], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-5)


def run(theirs: nn.Module, block: Spec, x: Tensor) -> Tensor:
    """Run a module of transformers, the last token from its cache; check both of its outputs."""
    cache, pieces = DynamicCache(), []
    config = DEEPSEEK if block.rope_scaling is None else YARN
    for positions in torch.arange(20).split([19, 1]):
        turned = DeepseekV3RotaryEmbedding(config)(x, positions[None])
        options = {} if block.rope is None else {"position_embeddings": turned}
        mask = torch.full((20, 20), -torch.inf).triu(1)[positions, : int(positions[-1]) + 1]
        piece = theirs(x[:, positions], attention_mask=mask, past_key_values=cache, **options)
        pieces.append(piece[0])
    return torch.cat(pieces, 1)


def test_a_single_token_attends_to_the_latents_as_it_would_to_keys_and_values() -> None:
    mixer, x = MLA(BLOCKS["latent-of-queries"], 16).double(), noise(3, 9, 16).double()
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    one, two = mixer.new_cache(3), mixer.new_cache(3)
    with torch.no_grad():
        mixer(x[:, :7], one)
        mixer(x[:, :7], two)
        absorbed, expanded = mixer(x[:, 7:8], one), mixer(x[:, 7:], two)[:, :1]
    torch.testing.assert_close(absorbed, expanded, atol=1e-12, rtol=1e-10)


@pytest.mark.parametrize("kind", BLOCKS)
def test_exported_code_computes_the_same(kind: str) -> None:
    assert_exported_code_agrees(BLOCKS[kind])


def test_costs_of_deepseek_v3() -> None:
    """One layer of DeepSeek-V3: 187,107,328 parameters, 576 elements a token."""
    block = Spec(heads=128, q_rank=1536, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128)
    assert block.parameters(7168) == 187_107_328
    assert block.kv_cache_elements(7168) == 576
    linear = 6 * (187_107_328 - 1536 - 512)
    assert block.training_flops(7168, 4096) == linear + 6 * 4096 * 128 * 320
    assert block.training_flops(7168, 4096, "megatron") == linear + 3 * 4096 * 128 * 320
    assert block.decode_flops(7168, 4096) == linear // 3 + 2 * 4096 * 128 * 1088


def test_scales_keep_the_proportions_of_deepseek() -> None:
    dimensions = Dimensions(128, 8, 128, 5e5, 1, 1, 1, 1, 4)
    large = Spec(q_rank=5, gate="head").at(dimensions)
    assert large == Spec(
        heads=128, q_rank=1536, kv_rank=512, nope_dim=128, rope_dim=64, value_dim=128, rope=5e5,
        gate="head",
    )  # fmt: skip
    assert Spec(rope=None).at(dimensions).rope is None
    for odd in (1, 3, 6):
        assert not Spec().at(replace(dimensions, head_dim=odd)).problems(64)
    assert Spec(scale=2 / 12**0.5).at(dimensions).scale == pytest.approx(2 / 192**0.5)
    assert Spec().at(dimensions).q_rank is None


def test_an_odd_rotated_part_is_refused() -> None:
    text = "architecture x { width 32; block A = mla { rope_dim 5 }; layers A }"
    (found,) = check(text)
    assert (found.code, found.help) == ("E0211", "use rope_dim 6, or rope none")
    assert "rope rotates pairs, but rope_dim is 5" in found.message
    assert not Spec(rope_dim=5, rope=None).problems(32)


@pytest.mark.parametrize(
    ("options", "message", "help_text"),
    [
        ("rope_factor 4", "rope_factor has no effect: there is no rope_scaling", "leave it out"),
        ("rope_scaling yarn, rope_factor 4", "needs rope_original", "add rope_original"),
        ("rope none, rope_scaling yarn", "rope_scaling needs rope, which is none", "or give rope"),
    ],
)
def test_rules_of_scaled_positions(options: str, message: str, help_text: str) -> None:
    text = f"architecture x {{ width 32; block A = mla {{ {options} }}; layers A }}"
    found = next(each for each in check(text) if each.code == "E0211")
    assert message in found.message
    assert help_text in found.help
