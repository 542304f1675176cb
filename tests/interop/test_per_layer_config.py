"""Layers with settings of their own, as transformers writes them: `per_layer_config`."""

import pytest

from aira_dsl.errors import InputError
from aira_dsl.interop.importers import read_content
from aira_dsl.report.stack import count_kinds

LLAMA = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 96, "num_hidden_layers": 4,
    "num_attention_heads": 4, "num_key_value_heads": 4, "vocab_size": 256,
    "max_position_embeddings": 128,
}  # fmt: skip


def read(changes, **settings):
    return read_content({**LLAMA, "per_layer_config": changes, **settings})


def test_layers_have_their_own_sizes():
    found = read({"01": {"intermediate_size": 32}, "3": {"num_key_value_heads": 1}}).architecture
    assert found.pattern == "A-M-A-M2-A-M-A2-M"
    assert [found.block_of(name).hidden for name in found.layers[1::2]] == [96, 32, 96, 96]
    assert [found.block_of(name).kv_heads for name in found.layers[::2]] == [4, 4, 4, 1]
    assert (found.width, found.context, found.vocab) == (64, 128, 256)


def test_layers_that_are_skipped_are_left_out():
    skips = {"0": {"skip": ["attention"]}, "2": {"skip": ["mlp"], "num_key_value_heads": 2}}
    assert read(skips).architecture.pattern == "M-A-M-A2-A-M"


def test_settings_of_no_layer_change_nothing():
    plain = read_content(LLAMA).architecture
    for changes in (None, {}, {"2": {}}, {"2": {"intermediate_size": 96, "skip": []}}):
        assert read(changes).architecture.fingerprint == plain.fingerprint


def test_experts_of_every_layer_as_nemotron_nas_has_them():
    settings = {
        "model_type": "qwen3_moe", "num_experts": 4, "num_experts_per_tok": 2, "head_dim": 16,
        "moe_intermediate_size": 32,
    }  # fmt: skip
    changes = {
        str(index): {"num_experts_per_tok": top, "moe_intermediate_size": hidden}
        for index, (top, hidden) in enumerate([(1, 8), (2, 8), (1, 8), (2, 16)])
    }
    found = read(changes, **settings).architecture
    assert count_kinds(found) == {"attention": 4, "moe": 4}
    experts = [found.block_of(name) for name in found.layers[1::2]]
    assert [(each.top, each.hidden) for each in experts] == [(1, 8), (2, 8), (1, 8), (2, 16)]


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"1": {"brand_new": 3}}, "brand_new 3 (unknown setting) in per_layer_config.1"),
        ({"1": {"hidden_size": 32}}, "per_layer_config.1 changes the width of the model"),
        ({"1": {"num_hidden_layers": 5}}, "per_layer_config.1 changes the depth of the model"),
        ({"4": {}}, "per_layer_config has '4', not an index of a layer"),
        ({"0" * 20 + "1": {}}, "not an index of a layer"),
        ({"-1": {}}, "per_layer_config has '-1', not an index of a layer"),
        ({"1": {}, "01": {}}, "per_layer_config has '01', not an index of a layer"),
        ({"full_attention": {}}, "per_layer_config has 'full_attention', not an index"),
        ({"1": {"skip": ["norm"]}}, "per_layer_config.1.skip is not a list of attention and mlp"),
        ({"1": {"skip": "mlp"}}, "per_layer_config.1.skip is not a list of attention and mlp"),
        ({"1": {"intermediate_size": "many"}}, 'intermediate_size is "many", not a whole number'),
        ([{}], "per_layer_config is not an object of objects"),
        ({"1": 3}, "per_layer_config is not an object of objects"),
        (
            {str(index): {"skip": ["attention", "mlp"]} for index in range(4)},
            "per_layer_config skips all layers",
        ),
    ],
)
def test_settings_of_layers_that_cannot_be_read(changes, message):
    with pytest.raises(InputError) as caught:
        read(changes)
    assert message in caught.value.message
    assert caught.value.code == "E0520"
