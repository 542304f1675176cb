"""Configs with arbitrary values, arguments with arbitrary words: read or refused (InputError)."""

import copy
import json
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.families.megatron import to_megatron
from aira_dsl.interop.families.megatron_arguments import from_megatron
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.huggingface import config_of
from aira_dsl.interop.importers import read, read_content
from aira_dsl.primitives import MLP, Attention, Mamba2
from tests.interop.models import random_architecture

CASES = Path(__file__).parents[1] / "cases" / "import"
BLOCKS = {"A": Attention(kv_heads=4), "M": MLP(activation="swiglu"), "S": Mamba2()}
CONFIGS = {
    "nemotron_h": json.loads((CASES / "nemotron_h_4b.json").read_text(encoding="utf-8")),
    "olmo": json.loads(
        (Path(__file__).parent / "olmo_core" / "cycled.json").read_text(encoding="utf-8")
    )["config"],
    "aira_dsl": config_of(random_architecture(1), "float32"),
    "per_layer": {
        "model_type": "gemma4_text", "hidden_size": 64, "num_hidden_layers": 3, "head_dim": 16,
        "hidden_size_per_layer_input": 0,
        "per_layer_config": {"2": {"head_dim": 32, "skip": ["mlp"]}},
    },
    "fla": {
        "model_type": "gated_deltanet", "hidden_size": 64, "num_hidden_layers": 3,
        "attn": [{"layers": [1], "num_heads": 4}],
    },
    "nanochat": {
        "n_embd": 64, "n_layer": 3, "n_head": 4, "sequence_len": 64, "vocab_size": 256,
        "window_pattern": "SL",
    },
    "nested": json.loads((CASES / "qwen3_5.json").read_text(encoding="utf-8")),
    **{
        model.name: model.config
        for model in published_models()
        if model.name in {"command_r7b", "gemma_3_12b", "llama_4_scout", "falcon_h1_0_5b"}
        or model.name in {"jamba_v0_1", "lfm2_1_2b", "recurrentgemma_2b", "deepseek_v3"}
    },
}  # fmt: skip
ARGUMENTS = to_megatron(Architecture(blocks=BLOCKS, layers=("S", "M", "A")))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


def paths(content, path=()):
    """Yield the keys that lead to every value of nested objects."""
    for key, value in content.items():
        yield (*path, key)
        if isinstance(value, dict):
            yield from paths(value, (*path, key))


@pytest.mark.parametrize("name", CONFIGS)
@settings(max_examples=50)
@given(data=st.data())
def test_any_value_of_any_setting(name, data, tmp_path_factory):
    config = copy.deepcopy(CONFIGS[name])
    *parents, last = data.draw(st.sampled_from(sorted(paths(config))))
    place = config
    for key in parents:
        place = place[key]
    place[last] = data.draw(VALUES)
    source = tmp_path_factory.mktemp("config") / "config.json"
    source.write_text(json.dumps(config), encoding="utf-8")
    with suppress(InputError):
        read(str(source), costs_only=data.draw(st.booleans()))


@settings(max_examples=50)
@given(st.data())
def test_any_word_among_arguments(data):
    words = ARGUMENTS.split()
    where = data.draw(st.integers(0, len(words) - 1))
    words[where] = data.draw(st.text(max_size=8) | st.sampled_from(words))
    with suppress(InputError):
        from_megatron(" ".join(words))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"linear_conv_kernel_dim": 0}, "linear_conv_kernel_dim 0: must be at least 1"),
        ({"vocab_size": 0}, "vocab_size 0: must be at least "),
        ({"num_experts_per_tok": 0}, "num_experts_per_tok 0: must be at least 1"),
    ],
)
def test_a_refused_value_is_shown_under_its_key(change, message):
    with pytest.raises(InputError) as caught:
        read_content({"model_type": "qwen3_next", **change})
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("model_type", "change", "message"),
    [
        ("jamba", {"attn_layer_offset": -1}, "attn_layer_offset is -1, not at least 0"),
        ("jamba", {"expert_layer_offset": -1}, "expert_layer_offset is -1, not at least 0"),
        ("jamba", {"attn_layer_period": 4, "attn_layer_offset": 4}, "offset is 4, not 0 to 3"),
        ("jamba", {"mamba_dt_rank": 0}, "mamba_dt_rank is 0, not at least 1"),
        ("gemma2", {"final_logit_softcapping": True}, "softcapping is true, not a number"),
        ("gemma2", {"attn_logit_softcapping": True}, "softcapping is true, not a number"),
        ("recurrent_gemma", {"logits_soft_cap": True}, "logits_soft_cap is true, not a number"),
        ("recurrent_gemma", {"lru_width": 0}, "lru_width is 0, not at least 1"),
        ("recurrent_gemma", {"block_types": []}, "block_types lists no layers"),
        ("llama", {"num_key_value_heads": 0}, "num_key_value_heads is 0, not at least 1"),
        ("llama", {"max_position_embeddings": 0}, "max_position_embeddings is 0, not at least 1"),
        ("llama", {"rope_theta": True}, "rope_theta is true, not a number"),
        ("llama", {"rope_parameters": {"rope_theta": True}}, "rope_theta is true, not a number"),
        ("olmo_hybrid", {"linear_num_value_heads": 0}, "value_heads is 0, not at least 1"),
        ("falcon_h1", {"mamba_d_ssm": 0}, "mamba_d_ssm is 0, not at least 1"),
        ("falcon_h1", {"mamba_d_ssm": -1}, "mamba_d_ssm is -1, not at least 1"),
        ("bamba", {"attn_layer_indices": [True]}, "is [true], not a list of whole numbers"),
        ("mamba2", {"time_step_limit": [True, 1.0]}, "not two numbers"),
        ("glm4_moe", {"first_k_dense_replace": -1}, "first_k_dense_replace is -1, not at least 0"),
        ("glm4_moe", {"num_nextn_predict_layers": -1}, "layers is -1, not at least 0"),
        ("kimi_linear", {"first_k_dense_replace": -1}, "dense_replace is -1, not at least 0"),
        ("kimi_linear", {"moe_layer_freq": 2}, "moe_layer_freq 2 (dense layers among the mixtures"),
        ("deepseek_v3", {"moe_layer_freq": 2}, "moe_layer_freq 2 (dense layers among the mixtures"),
        ("lfm2_moe", {"num_dense_layers": -1}, "num_dense_layers is -1, not at least 0"),
        ("nemotron_h", {"num_nextn_predict_layers": -1, "layers_block_type": ["mamba"]},
         "num_nextn_predict_layers is -1, not at least 0"),
        ("nemotron_h", {"rms_norm_eps": True, "layers_block_type": ["mamba"], "vocab_size": 256},
         "rms_norm_eps is true, not a number"),
    ],
)  # fmt: skip
def test_values_without_a_meaning_are_refused_by_key(model_type, change, message):
    sizes = {"nemotron_h": {"hidden_size": 64}, "glm4_moe": {"head_dim": 128}}
    with pytest.raises(InputError) as caught:
        read_content({"model_type": model_type, **sizes.get(model_type, {}), **change})
    assert message in caught.value.message


def test_no_dense_layers_and_no_modules_are_numbers():
    config = {"model_type": "glm4_moe", "first_k_dense_replace": 0, "num_nextn_predict_layers": 0}
    found = read_content({**config, "num_hidden_layers": 2, "head_dim": 128}).architecture
    assert (found.pattern, found.mtp) == ("2×(A-E)", ())
