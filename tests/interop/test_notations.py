"""Megatron patterns and OLMo-core configs, both ways, and what they refuse."""

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import from_megatron, to_megatron
from aira_dsl.interop.families.nemotron_h import from_nemotron_h
from aira_dsl.interop.families.olmo import from_olmo, to_olmo
from aira_dsl.primitives import MLP, Attention, Mamba2

BLOCKS = {
    "A": Attention(heads=8, kv_heads=2),
    "M": MLP(hidden=300, activation="swiglu"),
    "S": Mamba2(inner=256, state=16, groups=2),
}
NEMOTRON_8B = "M-M-M--M-M*-M-M-M-M--M*-M-M-M-M-M*--M-M-M-M-M*-M--M-M-M-"


def model(layers, **changes):
    return Architecture(blocks=BLOCKS, layers=tuple(layers), **changes)


def pattern_of(arguments):
    return arguments.splitlines()[0].split('"')[1]


@settings(max_examples=50)
@given(st.lists(st.sampled_from("AMS"), min_size=1, max_size=60))
def test_megatron_both_ways(layers):
    original = model(layers)
    pattern = pattern_of(to_megatron(original))
    assert len(pattern) == len(layers)
    assert from_megatron(pattern, like=original).fingerprint == original.fingerprint


def test_megatron_arguments(snapshot):
    assert to_megatron(model("SMSMAM", tie_embeddings=True, context=4096)) == snapshot
    assert "--position-embedding-type none" in to_megatron(
        Architecture(blocks={"S": Mamba2()}, layers=("S",))
    )


def test_megatrons_own_example():
    """The 8B pattern of its documentation: 56 layers, 4 attention, 28 MLP, 24 Mamba-2."""
    found = from_megatron(f'"{NEMOTRON_8B}"')
    assert found.depth == 56
    assert [found.layers.count(name) for name in ("A", "M", "Mb")] == [4, 28, 24]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("M-|M*", "character 3 of the pattern, '|', marks a pipeline stage"),
        ("M-/M*", "character 3 of the pattern, '/', begins multi-token prediction"),
        ("MEM*", "character 2 of the pattern, 'E', is a mixture of experts"),
        ("G*", "character 1 of the pattern, 'G', is a gated delta net"),
        ("M?", "character 2 of the pattern, '?', means nothing in it"),
        ("", "the pattern has 0 layers, not 1 to 4,096"),
        ("M" * 5000, "the pattern has 5,000 layers, not 1 to 4,096"),
    ],
)
def test_megatron_patterns_that_can_not_be_read(pattern, message):
    with pytest.raises(InputError) as caught:
        from_megatron(pattern)
    assert caught.value.message == message
    assert caught.value.code == "E0520"


def test_megatron_needs_one_block_of_each_kind():
    space = SpaceDefinition(blocks={"A": Attention(), "B": Attention(heads=8)}, slots=4)
    for pattern, words in (("*", "several attention blocks (A, B)"), ("M", "no mamba2 block")):
        with pytest.raises(InputError, match="the pattern needs one") as caught:
            from_megatron(pattern, like=space)
        assert words in caught.value.message


def test_megatron_refuses_what_it_can_not_say():
    blocks = {"M": MLP(activation="relu"), "N": MLP(hidden=9), "S": Mamba2(conv=3)}
    with pytest.raises(InputError) as caught:
        to_megatron(Architecture(blocks=blocks, layers=("M", "N", "S")))
    assert caught.value.code == "E0510"
    assert caught.value.message == (
        "Megatron-LM can not express model: its mlp layers are not all alike (blocks M, N); "
        "its mlp uses relu, for which there is no flag; "
        "its mamba2 convolves over 3 tokens, and 4 is fixed there"
    )


@settings(max_examples=50)
@given(st.lists(st.sampled_from(["AM", "BM", "AN"]), min_size=1, max_size=12), st.integers(1, 4))
def test_olmo_both_ways(pairs, repeats):
    blocks = {
        **BLOCKS,
        "B": Attention(heads=4, rope=None),
        "N": MLP(hidden=7, activation="swiglu"),
    }
    original = Architecture(blocks=blocks, layers=tuple("".join(pairs) * repeats))
    config = json.loads(json.dumps(to_olmo(original)))
    assert len(config["block_pattern"]) <= len(pairs)
    assert config["n_layers"] % len(config["block_pattern"]) == 0
    assert from_olmo(config).fingerprint == original.fingerprint


@pytest.mark.parametrize(
    ("layers", "changes", "reason"),
    [
        ("AMSM", {}, "it has Mamba-2 layers"),
        ("AAM", {}, "its layers are not attention and mlp in turn"),
        ("MA", {}, "its layers are not attention and mlp in turn"),
        ("AM", {"tie_embeddings": True}, "its head is tied"),
    ],
)
def test_olmo_refuses_what_it_can_not_say(layers, changes, reason):
    with pytest.raises(InputError, match="OLMo-core can not express") as caught:
        to_olmo(model(layers, **changes))
    assert reason in caught.value.message


@pytest.mark.parametrize(
    ("reader", "config", "code"),
    [
        (from_nemotron_h, {}, "E0521"),
        (from_nemotron_h, {"hidden_size": 8, "layers_block_type": ["moe"]}, "E0520"),
        (from_nemotron_h, {"hidden_size": 8, "hybrid_override_pattern": "ME"}, "E0520"),
        (from_nemotron_h, {"hybrid_override_pattern": "M"}, "E0521"),
        (from_nemotron_h, {"hidden_size": "8", "vocab_size": 9, "layer_types": ["mlp"]}, "E0520"),
        (from_nemotron_h, {"hidden_size": 8, "vocab_size": 9, "layers_block_type": 7}, "E0520"),
        (from_nemotron_h, {"hybrid_override_pattern": "*", "attention_bias": True}, "E0520"),
        (from_nemotron_h, {"hybrid_override_pattern": "-", "mlp_hidden_act": "silu"}, "E0520"),
        (from_olmo, {}, "E0521"),
        (from_olmo, {"block_pattern": ["a"], "n_layers": 3, "block": {"a": []}}, "E0521"),
        (from_olmo, {"block_pattern": ["a", "b"], "n_layers": 3}, "E0520"),
        (from_olmo, {"block_pattern": [], "n_layers": 3}, "E0520"),
    ],
)  # fmt: skip
def test_configs_that_can_not_be_read(reader, config, code):
    with pytest.raises(InputError) as caught:
        reader(config)
    assert caught.value.code == code


def test_new_names_of_nemotron_layers_are_read():
    config = {
        "hidden_size": 64, "vocab_size": 9, "head_dim": 16, "num_attention_heads": 4,
        "num_key_value_heads": 2, "intermediate_size": 99, "mamba_num_heads": 4, "n_groups": 2,
        "layers_block_type": ["linear_attention", "mlp", "full_attention"],
    }  # fmt: skip
    found = from_nemotron_h(config)
    assert found.layers == ("Mb", "M", "A")
    assert found.blocks["A"].rope is None
