"""Configs of decoder-only models against transformers: parameters to the unit, on no memory.

transformers makes the default config of every model_type and its model on the meta device. Some
defaults are tiny or unlike any published model; what counts is that nothing is left out.
"""

import dataclasses
import json

import pytest

from aira_dsl.architecture import cost
from aira_dsl.interop.decoders.registry import READERS, defaults
from aira_dsl.interop.importers import read_content

CHANGES: dict[str, list[dict[str, object]]] = {
    "llama": [{"attention_bias": True, "mlp_bias": True, "tie_word_embeddings": True}],
    "mistral": [{"sliding_window": None}],
    "qwen2": [{"use_sliding_window": True, "max_window_layers": 4}],
    "smollm3": [{"use_sliding_window": True, "sliding_window": 64, "no_rope_layer_interval": 3}],
    "gemma3_text": [{"num_hidden_layers": 7, "sliding_window_pattern": 3}],
    "gemma4_text": [
        {"attention_k_eq_v": True, "num_global_key_value_heads": 1, "global_head_dim": 384},
        {"per_layer_config": {str(index): {"head_dim": 64} for index in range(5, 30, 6)}},
    ],
    "qwen3_moe": [{"mlp_only_layers": [1, 2], "decoder_sparse_step": 2}],
    "bamba": [{"attn_layer_indices": [1, 5], "mamba_proj_bias": True}],
    "granitemoehybrid": [{"num_local_experts": 0, "layer_types": ["mamba", "attention"] * 16}],
    "lfm2": [{"full_attn_idxs": [2, 5, 8]}, {"block_auto_adjust_ff_dim": False}],
    "glm4_moe": [{"use_qk_norm": True, "attention_bias": True}],
}
"""Settings beside the defaults that change parameters, caches or the order of layers."""


def configs():
    for model_type in READERS:
        yield pytest.param(model_type, {}, id=model_type)
        for number, change in enumerate(CHANGES.get(model_type, []), 1):
            yield pytest.param(model_type, change, id=f"{model_type}-{number}")


@pytest.mark.parametrize(("model_type", "change"), list(configs()))
def test_parameters_are_those_of_transformers(model_type, change):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[model_type](**{**SMALL.get(model_type, {}), **change})
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    # What `save_pretrained` writes, and what a config with the change alone says.
    written = json.loads(config.to_json_string())
    given = {"model_type": model_type, **SMALL.get(model_type, {}), **change}
    for content in (written, given):
        found = read_content(content, costs_only=True).architecture
        assert cost(found).total_parameters == model.num_parameters()
    assert found == read_content(written, costs_only=True).architecture


SMALL: dict[str, dict[str, object]] = {
    "ministral": {"head_dim": 128},
    "glm4_moe": {"head_dim": 128},
    "gemma4_text": {"hidden_size_per_layer_input": 0},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16},
}
"""Sizes for defaults that transformers cannot make a model of."""


def test_defaults_are_those_of_the_config_classes():
    """A release of transformers with other defaults must be looked at."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    for model_type, values in defaults().items():
        fields = {each.name: each for each in dataclasses.fields(CONFIG_MAPPING[model_type])}
        for name, value in values.items():
            if name == "rope_theta":
                continue
            field = fields[name]
            made = field.default if field.default is not dataclasses.MISSING else None
            if field.default_factory is not dataclasses.MISSING:
                made = field.default_factory()
            assert (list(made) if isinstance(made, tuple) else made) == value, (model_type, name)
