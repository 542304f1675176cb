"""Linear attention: the contract, transformers' lightning attention, formulas, costs and rules."""

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F
from transformers import MiniMaxConfig
from transformers.models.minimax.modeling_minimax import MiniMaxCache, MiniMaxLightningAttention

from aira_dsl.language import check
from aira_dsl.primitives.linear_attention.module import LinearAttention
from aira_dsl.primitives.linear_attention.spec import LinearAttention as Spec
from aira_dsl.testing.primitives import PrimitiveContract, noise
from tests.helpers.exported import assert_exported_code_agrees

LIGHTNING = Spec(heads=3, head_dim=8)
LINEAR = Spec(heads=4, feature="elu1", decay=None, gate=None, output_norm="sum")
RETENTION = Spec(heads=2, feature="identity", decay="retention", gate="silu", output_norm="head")
BARE = Spec(
    heads=2, head_dim=5, feature="elu1", decay="retention", gate="sigmoid", output_norm=None
)
BLOCKS = {"lightning": LIGHTNING, "linear": LINEAR, "retention": RETENTION, "bare": BARE}


class TestContract(PrimitiveContract):
    cases = 3

    @pytest.fixture(autouse=True, params=BLOCKS)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.block = BLOCKS[request.param]


def make(spec: Spec, width: int = 24) -> LinearAttention:
    mixer = LinearAttention(spec.resolve(width), width)
    mixer.init_weights(torch.Generator().manual_seed(0), depth=1)
    with torch.no_grad():
        for weight in mixer.parameters():
            weight.add_(noise(*weight.shape, seed=weight.shape[0]), alpha=0.2)
    return mixer


@pytest.mark.parametrize("layer", [0, 3, 7])
@pytest.mark.parametrize("heads", [4, 6])
def test_equals_minimax(layer: int, heads: int) -> None:
    """The scale of the rates is what MiniMax computes from the depth of the layer."""
    config = MiniMaxConfig(
        hidden_size=24, num_attention_heads=heads, head_dim=8, num_hidden_layers=8, block_size=16,
        layer_types=["linear_attention"] * 8,
    )  # fmt: skip
    scale = 1 - layer / (8 - 1 + 1e-5) + 1e-5
    ours = make(Spec(heads=heads, head_dim=8, decay_scale=scale, norm_eps=1e-6))
    theirs = MiniMaxLightningAttention(config, layer)
    theirs.load_state_dict(ours.state_dict(), strict=False)
    assert not theirs.state_dict().keys() - ours.state_dict().keys() - {
        "slope_rate", "query_decay", "key_decay", "diagonal_decay"
    }  # fmt: skip
    x = noise(2, 40, 24)
    cache, their_cache = ours.new_cache(2), MiniMaxCache()
    with torch.no_grad():
        torch.testing.assert_close(ours(x), theirs(x, None, None)[0], atol=1e-5, rtol=1e-5)
        for piece in x.split([33, 1, 1, 5], dim=1):
            expected, _ = theirs(piece, None, None, past_key_values=their_cache)
            torch.testing.assert_close(ours(piece, cache), expected, atol=1e-5, rtol=1e-5)


def test_equals_the_formula_of_linear_attention() -> None:
    """Equation 9 of arXiv 2006.16236: φ(q)·Σφ(k)v / φ(q)·Σφ(k)."""
    mixer, x = make(LINEAR), noise(1, 70, 24)
    q, k, v = heads(mixer, x)
    q, k = F.elu(q) + 1, F.elu(k) + 1
    weights = (q @ k.mT).tril()
    expected = weights @ v / (weights.sum(-1, keepdim=True) + 1e-6)
    check_output(mixer, x, expected.transpose(1, 2).flatten(2))


def test_equals_the_formula_of_retention() -> None:
    """Equation 8 of arXiv 2307.08621 without rotation: (q·kᵀ ⊙ D)·v, D = (1 - 2^(-5-h))^(n-m)."""
    mixer, x = make(RETENTION), noise(1, 70, 24)
    q, k, v = heads(mixer, x)
    distance = torch.arange(70)[:, None] - torch.arange(70)
    decay = (1 - 2.0 ** -torch.tensor([5, 6]))[:, None, None] ** distance
    y = (q / 12**0.5 @ k.mT * decay.tril()) @ v
    y = y / (y.square().mean(-1, keepdim=True) + 1e-5).sqrt() * mixer.norm.weight
    check_output(mixer, x, y.transpose(1, 2).flatten(2) * F.silu(mixer.output_gate(x)))


def heads(mixer: LinearAttention, x: Tensor) -> tuple[Tensor, ...]:
    qkv = mixer.qkv_proj(x).unflatten(-1, (mixer.block.heads, -1)).transpose(1, 2)
    return qkv.chunk(3, dim=-1)


def check_output(mixer: LinearAttention, x: Tensor, expected: Tensor) -> None:
    torch.testing.assert_close(mixer(x), mixer.out_proj(expected), atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("kind", BLOCKS)
def test_exported_code_computes_the_same(kind: str) -> None:
    assert_exported_code_agrees(BLOCKS[kind])


def test_costs_of_minimax_text_01() -> None:
    """5·d·D + D parameters; 5·h·p² FLOPs and h·p² elements of the states."""
    block = Spec(heads=64, head_dim=128)
    assert block.parameters(6144) == 5 * 6144 * 8192 + 8192
    flops = 3 * (2 * 5 * 6144 * 8192 + 5 * 64 * 128**2)
    assert block.training_flops(6144, 4096) == block.training_flops(6144, 9, "megatron") == flops
    assert block.state_bytes(6144) == 4 * 64 * 128**2
    assert (
        Spec(heads=2, head_dim=8, feature="elu1", output_norm="sum").recurrent_elements(1)
        == 2 * 8 * 9
    )


def test_order_is_known_by_the_decay_alone() -> None:
    for block in (LIGHTNING, LINEAR):
        mixer, x = make(block), noise(1, 6, 24)
        swapped = x[:, [1, 0, 2, 4, 3, 5]]
        assert block.resolve(24).mixes_tokens
        same = torch.allclose(mixer(x)[:, -1], mixer(swapped)[:, -1], atol=1e-6)
        assert same == (not block.resolve(24).knows_order)


@pytest.mark.parametrize(
    ("parameters", "message", "help_text"),
    [
        ("heads 7", "width 32 is not divisible by heads 7", "use heads 8, or give head_dim"),
        (
            "output_norm sum",
            "weights of feature silu are not positive: their sum can be zero",
            "use feature elu1, or another output_norm",
        ),
    ],
)
def test_rules(parameters: str, message: str, help_text: str) -> None:
    text = f"architecture x {{ width 32; block L = linear_attention {{ {parameters} }}; layers L }}"
    (found,) = check(text)
    assert (found.code, found.help) == ("E0211", help_text)
    assert message in found.message
