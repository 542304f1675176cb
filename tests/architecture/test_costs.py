"""Costs by formula, against counts written down from their sources."""

import dataclasses

import pytest

from aira_dsl.architecture import BATCH_TOKENS, Architecture, Cache, cost
from aira_dsl.architecture.costs import _caches
from aira_dsl.primitives import MLP, Attention, Mamba2

BLOCKS = {
    "A": Attention(heads=32, kv_heads=8),
    "M": MLP(hidden=8192, activation="swiglu"),
    "S": Mamba2(inner=4096, state=128, head_dim=64),
}


def model(*layers, **changes):
    shape = {"width": 2048, "vocab": 128_256, "context": 8192, "tie_embeddings": True}
    return Architecture(blocks=BLOCKS, layers=layers, **{**shape, **changes})


def test_the_papers_convention():
    """§4.3 at 1B, one layer each; embedding and head are not counted."""
    for layer, flops in (("A", 264_241_152), ("M", 301_989_888), ("S", 161_323_008)):
        assert cost(model(layer)).training_flops == flops


def test_megatrons_convention():
    """Forward, per token (facts of Megatron-LM's training.py): 3 of these are a training step."""
    d, s, v = 2048, 8192, 128_256
    logits = 2 * d * v
    attention = 2 * d * 64 * (2 * 32 + 2 * 8) + 2 * s * 32 * 64  # the causal half
    mlp = 6 * d * 8192
    e, n, h = 4096, 128, 64
    mamba = 2 * d * (2 * e + 2 * n + h) + 7 * e * n + 2 * e * d
    for layer, forward in (("A", attention), ("M", mlp), ("S", mamba)):
        found = cost(model(layer), convention="megatron")
        assert found.training_flops == 3 * (forward + logits)
        assert found.forward_flops == forward + logits


def test_attention_core_is_halved():
    paper, megatron = (
        BLOCKS["A"].resolve(2048).training_flops(2048, 8192, convention)
        for convention in ("paper", "megatron")
    )
    projections = 6 * BLOCKS["A"].resolve(2048).parameters(2048)
    assert paper - projections == 2 * (megatron - projections)


def test_context_and_caches():
    costs = cost(model("A", "S", "M"), context=1000)
    assert costs.training_flops < cost(model("A", "S", "M")).training_flops
    per_token = 2 * 8 * 64 * 2  # keys and values, 8 heads of 64, bfloat16
    state = 4096 * 128 * 4 + (4096 + 2 * 128) * 3 * 2  # float32, and inputs of convolutions
    assert (costs.kv_cache_bytes, costs.state_bytes) == (per_token, state)
    assert costs.cache_bytes(1000) == 1000 * per_token + state
    assert costs.cache_bytes(1000, batch=4) == 4 * costs.cache_bytes(1000)
    assert cost(model("A"), element_bytes=4).kv_cache_bytes == 2 * per_token


class Recent(Attention):
    """Attention to the last 100 tokens: what a window costs, whatever primitive has one."""

    def cached_tokens(self, context: int) -> int:
        return min(context, 100)


def test_caches_of_windows_end_with_the_window():
    blocks = [BLOCKS["A"].resolve(2048), Recent(heads=32, kv_heads=8).resolve(2048)]
    caches = _caches([*blocks, *blocks, BLOCKS["M"]], 2048, 2)
    per_token = 2 * 2 * 8 * 64 * 2  # of two layers
    assert caches == (Cache(per_token), Cache(per_token, 100))
    costs = dataclasses.replace(cost(model("M")), caches=caches)
    for context, kept in ((1, 2), (100, 200), (101, 201), (5000, 5100)):
        assert costs.kv_bytes(context) == kept * per_token
    assert costs.window_bytes == 100 * per_token


@pytest.mark.parametrize(("tied", "read"), [(True, 0), (False, 2048 * 128_256)])
def test_three_ways_to_count_active_parameters(tied, read):
    costs = cost(model("A", "M", tie_embeddings=tied))
    assert costs.active_parameters == costs.total_parameters
    assert costs.active_without_input == costs.total_parameters - read
    assert costs.active_without_embeddings == costs.parameters


def test_weights_in_the_precisions_of_serving():
    costs = cost(model("A", "M"))
    assert costs.weight_bytes(16) == 2 * costs.total_parameters
    assert costs.weight_bytes(4) == -(-costs.total_parameters // 2)


def test_inference_counts_the_causal_part_and_one_row_of_logits():
    costs, attention = cost(model("A"), context=1000), BLOCKS["A"].resolve(2048)
    linear, head = 2 * attention.parameters(2048), 2 * 2048 * 128_256
    assert costs.decode_flops == linear + 4 * 1000 * 2048 + head
    assert costs.prefill_flops == 1000 * (linear + 2 * 1000 * 2048) + head


def test_budgets():
    """§4.3: AIRAformer-C at 1B gets 2,879 steps from 2e19 FLOPs."""
    costs = cost(model(*"A" * 33, *"M" * 15))
    assert costs.steps(2 * 10**19) == 2_879
    tokens = costs.tokens(2 * 10**19)
    assert tokens * costs.training_flops <= 2 * 10**19 < (tokens + 1) * costs.training_flops
    assert costs.steps(2 * 10**19, batch_tokens=1) == tokens
    assert BATCH_TOKENS == 524_288


@pytest.mark.parametrize("tied", [True, False])
def test_embeddings(tied):
    costs = cost(model("M", tie_embeddings=tied))
    assert costs.embedding_parameters == (1 if tied else 2) * 128_256 * 2048
    assert costs.total_parameters == costs.parameters + costs.embedding_parameters
