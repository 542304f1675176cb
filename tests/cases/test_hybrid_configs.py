"""Settings of hybrid configs: which of two counts, what is refused, and in which words."""

import json
from pathlib import Path

import pytest

from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.importers import read, read_content
from aira_dsl.report.stack import count_kinds
from tests.helpers.command_line import run

INPUTS = Path(__file__).parent / "import"
MODELS = {model.name: model for model in published_models()}


def changed(name, **changes):
    return read_content({**MODELS[name].config, **changes}, costs_only=True)


def test_an_interval_does_not_override_a_list():
    found = changed("qwen3_next_80b_a3b", layer_types=["full_attention"] * 48)
    assert count_kinds(found.architecture) == {"attention": 48, "moe": 48}


def test_old_and_new_words_for_layers_mean_the_same():
    old = MODELS["granite_4_0_h_small"].config["layer_types"]
    words = {"mamba": "linear_attention", "attention": "full_attention"}
    found = changed("granite_4_0_h_small", layer_types=[words[each] for each in old])
    assert found.architecture.fingerprint == MODELS["granite_4_0_h_small"].architecture.fingerprint


def test_a_word_of_another_family_is_refused():
    with pytest.raises(InputError, match="layer 2 is 'conv', which this model_type does not have"):
        changed("qwen3_next_80b_a3b", layer_types=["full_attention", "conv"])


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"hidden_size": "4096"}, 'hidden_size is "4096", not a whole number'),
        ({"tie_word_embeddings": "true"}, 'tie_word_embeddings is "true", not true or false'),
        ({"num_hidden_layers": 0}, "num_hidden_layers is 0, not 1 to"),
        ({"full_attention_interval": 0}, "full_attention_interval is 0, not at least 1"),
        ({"layer_types": "full"}, 'layer_types is "full", not a list of texts'),
        ({"head_dim": None, "num_attention_heads": 12}, "width 4096 is not divisible by heads 12"),
        ({"brand_new": 1, "other_new": 2}, "brand_new 1 (unknown setting); other_new 2 (unknown"),
        ({"rope_parameters": {"rope_type": "dynamic"}}, 'rope_type "dynamic" (another scaling'),
    ],
)
def test_bad_settings_are_named(change, message):
    settings = {**MODELS["qwen3_5_9b"].config, **change}
    if change == {"full_attention_interval": 0}:
        settings.pop("layer_types", None)
    with pytest.raises(InputError) as caught:
        read_content(settings)
    assert message in caught.value.message


def test_costs_are_offered_where_the_language_lacks_words(tmp_path):
    settings = {**MODELS["llama_3_1_8b"].config, "rope_scaling": {"rope_type": "dynamic"}}
    (tmp_path / "config.json").write_text(json.dumps(settings), encoding="utf-8")
    refused = run("import", tmp_path)
    assert refused.code == 1
    assert "its costs are known" in refused.err
    shown = run("show", tmp_path, "--context", "128k")
    assert shown.code == 0
    assert "note: not in these costs: rope_scaling.rope_type" in shown.err
    assert "8,030,261,248" in shown.out
    assert "17,179,869,184 bytes for 1 sequence" in shown.out


def test_the_language_model_of_a_model_that_sees_is_read():
    """Only what text_config leaves out comes from outside."""
    found = read(str(INPUTS / "qwen3_5.json"))
    assert found.architecture.tie_embeddings
    assert "only the language model is read: text_config" in found.notes
    assert cost(found.architecture).kv_cache_bytes == 32_768


def test_layers_counted_from_one_or_not_at_all():
    message = "full_attn_layers do not number the layers 1 to"
    with pytest.raises(InputError, match=message):
        read_content(
            {
                "model_type": "kimi_linear",
                "num_hidden_layers": 4,
                "linear_attn_config": {
                    "num_heads": 4, "head_dim": 16, "short_conv_kernel_size": 4,
                    "kda_layers": [0, 1, 2], "full_attn_layers": [3],
                },
            }
        )  # fmt: skip
