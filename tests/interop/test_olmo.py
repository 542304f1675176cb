"""OLMo-core's TransformerConfig, both ways, and what it cannot express."""

import copy
import json
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import InputError
from aira_dsl.interop.families.olmo import to_olmo
from aira_dsl.interop.families.olmo_config import from_olmo
from aira_dsl.language import parse
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.olmo_core.schema import problems

RECORDED = Path(__file__).parent / "olmo_core"
BLOCKS = {
    "A": Attention(heads=8, kv_heads=2),
    "B": Attention(heads=4, rope=None),
    "M": MLP(hidden=300, activation="swiglu"),
    "N": MLP(hidden=7, activation="swiglu"),
}


def model(layers, **changes):
    blocks = {**BLOCKS, "S": Mamba2(inner=256, state=16, groups=2)}
    return Architecture(blocks=blocks, layers=tuple(layers), **changes)


def recorded(name):
    return json.loads((RECORDED / f"{name}.json").read_text(encoding="utf-8"))


@settings(max_examples=50)
@given(
    st.lists(st.sampled_from(["AM", "BM", "AN"]), min_size=1, max_size=12),
    st.integers(1, 4),
    st.booleans(),
)
def test_exports_load_in_olmo_core_and_are_read_back(pairs, repeats, tied):
    original = model("".join(pairs) * repeats, tie_embeddings=tied, norm_eps=1e-6)
    config = json.loads(json.dumps(to_olmo(original)))
    assert problems(config) == []
    assert len(config["block_pattern"]) <= len(pairs)
    assert config["n_layers"] % len(config["block_pattern"]) == 0
    assert from_olmo(config).fingerprint == original.fingerprint


@pytest.mark.parametrize(
    ("path", "value", "problem"),
    [
        (("block", "A+M", "sequence_mixer", "type"), "other", "no class None"),
        (("block", "A+M", "sequence_mixer", "heads"), 3, "not a field of AttentionConfig"),
        (("block", "A+M", "feed_forward", "bias"), 1, "1 is not"),
        (("lm_head", "name"), "big", "'big' is not"),
        (("block_pattern",), ["other"], "unknown block other"),
    ],
)
def test_the_recorded_schema_finds_what_olmo_core_refuses(path, value, problem):
    config = to_olmo(model("AM"))
    *parents, last = path
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    assert problem in "; ".join(problems(config))


@pytest.mark.parametrize(("name", "depth"), [("llama2_271M", 32), ("cycled", 14)])
def test_configs_saved_by_olmo_core_are_read(name, depth):
    record = recorded(name)
    read = from_olmo(record["config"])
    assert read.depth == depth
    assert cost(read).total_parameters == record["parameters"]


def test_patterns_are_cycled_and_cut():
    read = from_olmo(recorded("cycled")["config"])
    assert read.tie_embeddings
    assert read.layers[::2] == tuple(f"{n}_A" for n in ["wide", "wide", "narrow"] * 2 + ["wide"])
    assert (read.blocks["narrow_A"].kv_heads, read.blocks["narrow_A"].head_dim) == (2, 16)


def test_the_config_of_an_experiment_holds_the_model():
    config = recorded("cycled")["config"]
    assert from_olmo({"model": config, "dataset": {}, "run_name": "x"}) == from_olmo(config)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("embed_scale",), 11.3),
        (("embedding_norm",), {"name": "rms"}),
        (("name",), "normalized"),
        (("lm_head", "bias"), True),
        (("lm_head", "layer_norm"), None),
        (("block", "wide", "name"), "peri_norm"),
        (("block", "wide", "dropout"), 0.1),
        (("block", "wide", "layer_norm", "name"), "qwen_rms"),
        (("block", "wide", "layer_norm", "eps"), 1e-3),
        (("block", "wide", "attention_residual_alpha"), 0.5),
        (("block", "wide", "feed_forward", "activation"), "gelu_tanh"),
        (("block", "wide", "feed_forward", "bias"), None),
        (("block", "wide", "feed_forward_moe"), {"num_experts": 8}),
        (("block", "wide", "sequence_mixer", "bias"), True),
        (("block", "wide", "sequence_mixer", "attention_sinks"), True),
        (("block", "wide", "sequence_mixer", "clip_qkv"), 8.0),
        (("block", "wide", "sequence_mixer", "gate"), {"granularity": "headwise"}),
        (("block", "wide", "sequence_mixer", "new_setting"), 1),
        (("block", "wide", "sequence_mixer", "rope", "scaling"), {"factor": 8}),
        (("block", "wide", "sequence_mixer", "rope", "partial_rotary_factor"), 0.25),
        (("block", "wide", "sequence_mixer", "sliding_window"), {"pattern": [64]}),
        (("unheard_of",), 1),
    ],
    ids=lambda value: ".".join(value) if isinstance(value, tuple) else "",
)
def test_settings_that_the_language_lacks_are_refused_by_name(path, value):
    config = copy.deepcopy(recorded("cycled")["config"])
    *parents, last = path
    place = config
    for key in parents:
        place = place[key]
    place[last] = value
    with pytest.raises(InputError) as caught:
        from_olmo(config)
    assert caught.value.code == "E0520"
    assert (last if last != "eps" else "several epsilons") in caught.value.message


@pytest.mark.parametrize(
    ("layers", "reason"),
    [
        ("AMSM", "it has mamba2 layers"),
        ("AAM", "its layers do not alternate between attention and mlp"),
        ("MA", "its layers do not alternate between attention and mlp"),
    ],
)
def test_exports_that_cannot_be_expressed(layers, reason):
    with pytest.raises(InputError, match="OLMo-core cannot express") as caught:
        to_olmo(model(layers))
    assert reason in caught.value.message


def test_parallel_layers_cannot_be_exported():
    text = "architecture p { block A = attention; block M = mlp; layers 2×(A|M) }"
    with pytest.raises(InputError, match="it has parallel layers") as caught:
        to_olmo(parse(text))
    assert caught.value.code == "E0510"


@pytest.mark.parametrize(
    ("config", "code"),
    [
        ({}, "E0521"),
        ({"d_model": 8, "n_layers": 3, "block": {"a": {}}, "block_pattern": ["a"]}, "E0521"),
        ({"d_model": 8, "n_layers": 3, "lm_head": {"bias": False}, "block": {"a": {}}}, "E0521"),
        ({"d_model": 8, "n_layers": "3", "lm_head": {"bias": False}, "block": {"a": {}},
          "block_pattern": ["a"]}, "E0520"),
        ({"d_model": 8, "n_layers": 3, "lm_head": {"bias": False}, "block": [],
          "block_pattern": ["a"]}, "E0520"),
        ({"d_model": 8, "n_layers": 9999, "lm_head": {"bias": False}, "block": {"a": {}},
          "block_pattern": ["a"]}, "E0520"),
    ],
)  # fmt: skip
def test_incomplete_and_malformed_configs(config, code):
    with pytest.raises(InputError) as caught:
        from_olmo(config)
    assert caught.value.code == code
