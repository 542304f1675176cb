"""The config.json of NemotronH: every setting used, without effect, or refused by name."""

import json

import pytest

from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.interop.families.nemotron_h import to_nemotron_h
from aira_dsl.interop.families.nemotron_h_config import from_nemotron_h
from aira_dsl.interop.importers import read_content
from aira_dsl.primitives import MoE
from tests.interop.models import random_architecture

CONFIG = {
    "model_type": "nemotron_h", "hidden_size": 64, "vocab_size": 9, "head_dim": 16,
    "num_attention_heads": 4, "num_key_value_heads": 2, "intermediate_size": 99,
    "mamba_num_heads": 4, "n_groups": 2, "hybrid_override_pattern": "M-*",
}  # fmt: skip


def test_exported_configs_are_read_back():
    for seed in range(30):
        architecture = random_architecture(seed, native=True)
        again = from_nemotron_h(json.loads(json.dumps(to_nemotron_h(architecture))))
        assert again.fingerprint == architecture.fingerprint


@pytest.mark.parametrize(
    "layers",
    [
        {"layers_block_type": ["linear_attention", "mlp", "full_attention"]},
        {"layers_block_type": ["mamba", "mlp", "attention"]},
        {"layer_types": ["mamba", "mlp", "attention"], "hybrid_override_pattern": "M-*"},
        {"hybrid_override_pattern": "M-|*", "num_hidden_layers": 3},
    ],
)
def test_all_forms_of_the_layers(layers):
    config = {key: value for key, value in CONFIG.items() if key != "hybrid_override_pattern"}
    read = from_nemotron_h({**config, **layers})
    assert read.layers == ("Mb", "M", "A")
    assert read.blocks["A"].rope is None


def test_older_names_of_settings_are_used():
    config = {key: value for key, value in CONFIG.items() if key != "n_groups"}
    read = from_nemotron_h({**config, "mamba_n_groups": 4, "mamba_d_conv": 3}).blocks["Mb"]
    assert (read.groups, read.conv) == (4, 3)


@pytest.mark.parametrize(
    ("settings", "option"),
    [
        ({"use_conv_bias": False}, {"conv_bias": False}),
        ({"mamba_conv_bias": False}, {"conv_bias": False}),
        ({"use_bias": True}, {"bias": True}),
        ({"time_step_limit": [0.001, 0.1]}, {"dt_min": 0.001, "dt_max": 0.1}),
        ({"mamba_dt_limit": [0.01, "Infinity"]}, {"dt_min": 0.01}),
    ],
)
def test_options_of_mamba2_are_read(settings, option):
    assert from_nemotron_h({**CONFIG, **settings}).blocks["Mb"].used_options() == option


@pytest.mark.parametrize(
    "settings",
    [
        {"rope_theta": 10000, "partial_rotary_factor": 1.0},  # NemotronH has no positions
        {"n_routed_experts": 128, "num_experts_per_tok": 6},  # no layer has experts
        {"time_step_limit": [0.0, 1e9]}, {"time_step_limit": [0.0, "Infinity"]},
        {"time_step_limit": [0.0, float("inf")]}, {"mamba_dt_min": 0.001},
        {"torch_dtype": "bfloat16", "transformers_version": "5.0"}, {"tie_word_embeddings": False},
        {"use_conv_bias": True, "use_bias": False, "attention_bias": False, "mlp_bias": False},
        {"sliding_window": None, "chunk_size": 256},
    ],
)  # fmt: skip
def test_settings_without_effect(settings):
    assert from_nemotron_h({**CONFIG, **settings}) == from_nemotron_h(CONFIG)


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"attention_bias": True}, "attention_bias true (biases)"),
        ({"mlp_bias": True}, "mlp_bias true"),
        ({"mamba_proj_bias": True}, "mamba_proj_bias true"),
        ({"use_conv_bias": 1}, "use_conv_bias is 1, not true or false"),
        ({"mamba_hidden_act": "gelu"}, 'mamba_hidden_act "gelu"'),
        ({"mlp_hidden_act": "tanh"}, 'mlp_hidden_act "tanh"'),
        ({"time_step_limit": "small"}, "time_step_limit is 'small', not two numbers"),
        ({"tie_word_embeddings": True}, "tie_word_embeddings true"),
        ({"sliding_window": 512}, "sliding_window 512"),
        ({"attention_dropout": 0.1}, "attention_dropout 0.1"),
        ({"mamba_n_groups": 4}, "settings disagree: n_groups 2, mamba_n_groups 4"),
        ({"conv_kernel": 4, "mamba_d_conv": 3}, "conv_kernel 4, mamba_d_conv 3"),
        ({"rms_norm_eps": 1e-3, "layer_norm_epsilon": 1e-5}, "settings disagree"),
        ({"layer_types": ["mlp"] * 3}, "layers_block_type and hybrid_override_pattern disagree"),
        ({"hybrid_override_pattern": "MxM"}, "layer 2 of the config is 'x'"),
        ({"layers_block_type": ["conv"]}, "layer 1 of the config is 'conv'"),
        ({"hybrid_override_pattern": 5}, "hybrid_override_pattern is 5, not a text"),
        ({"layers_block_type": 7}, "layers_block_type is 7, not a list of texts"),
        ({"hidden_size": "64"}, 'hidden_size is "64", not a whole number'),
        ({"max_position_embeddings": "long"}, 'max_position_embeddings is "long"'),
        ({"num_key_value_heads": 3}, "num_key_value_heads: heads 4 is not a multiple"),
        ({"hidden_size": 0}, "hidden_size"),
        ({"model_type": "bamba"}, "model_type 'bamba'"),
        ({"embedding_multiplier": 12, "brand_new": [1]}, "brand_new [1] (unknown setting)"),
    ],
)
def test_settings_that_the_language_lacks_are_refused_by_name(settings, words):
    with pytest.raises(InputError) as caught:
        from_nemotron_h({**CONFIG, **settings})
    assert caught.value.code == "E0520"
    assert words in caught.value.message


def test_all_reasons_are_named_at_once():
    with pytest.raises(InputError) as caught:
        from_nemotron_h({**CONFIG, "mlp_bias": True, "attention_bias": True, "brand_new": 1})
    for word in ("mlp_bias", "attention_bias", "brand_new"):
        assert word in caught.value.message


@pytest.mark.parametrize(
    "config", [{}, {"hybrid_override_pattern": "M"}, {"hidden_size": 8, "vocab_size": 9}]
)
def test_incomplete_configs(config):
    with pytest.raises(InputError, match="E0521"):
        from_nemotron_h(config)


@pytest.mark.parametrize(
    ("settings", "note"),
    [
        ({"num_hidden_layers": 52}, "num_hidden_layers is 52, but 3 layers are listed"),
    ],
)
def test_what_a_config_says_besides_the_layers_is_a_note(settings, note):
    found = read_content({**CONFIG, **settings})
    assert found.architecture == from_nemotron_h(CONFIG)
    assert note in found.notes[0]


def test_experts_are_chosen_by_sigmoids_in_groups():
    experts = {
        "hybrid_override_pattern": "M*E", "n_routed_experts": 8, "num_experts_per_tok": 2,
        "moe_intermediate_size": 32, "moe_shared_expert_intermediate_size": 48, "n_group": 4,
        "topk_group": 2, "routed_scaling_factor": 2.5, "moe_latent_size": 24,
    }  # fmt: skip
    block = from_nemotron_h({**CONFIG, **experts}).blocks["E"]
    assert block == MoE(
        experts=8, top=2, hidden=32, activation="relu2", router="sigmoid", correction_bias=True,
        scale=2.5, groups=4, top_groups=2, shared=48, latent=24,
    )  # fmt: skip


def test_multi_token_prediction_is_counted_apart():
    experts = {"n_routed_experts": 4, "moe_intermediate_size": 32}
    experts["moe_shared_expert_intermediate_size"] = 48
    found = read_content({**CONFIG, **experts, "num_nextn_predict_layers": 2})
    assert found.notes == ("of 2 modules for multi-token prediction one is written",)
    assert found.architecture.mtp == ("A", "E")
    plain = from_nemotron_h(CONFIG)
    assert cost(found.architecture).total_parameters == cost(plain).total_parameters
    other = {**CONFIG, "num_nextn_predict_layers": 1, "mtp_hybrid_override_pattern": "*-"}
    assert from_nemotron_h(other).mtp == ("A", "M")
