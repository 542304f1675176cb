"""Configs of nanochat: its own, with a window pattern, and that of transformers."""

import json

import pytest

from aira_dsl.architecture import cost
from aira_dsl.errors import InputError
from aira_dsl.interop.importers import read_content
from tests.helpers.command_line import run

GPT = {
    "sequence_len": 2048, "vocab_size": 32_768, "n_layer": 10, "n_head": 6, "n_kv_head": 3,
    "n_embd": 768, "window_pattern": "SSSL",
}  # fmt: skip


def test_a_window_pattern_repeats_and_ends_with_a_full_layer():
    model = read_content(GPT).architecture
    assert model.pattern == "2×(3×(W-M)-A-M)-W-M-A-M"
    full, near, mlp = (model.blocks[name] for name in "AWM")
    assert (near.window, full.window) == (1025, None)  # half of the context, and itself
    assert (full.heads, full.kv_heads, full.head_dim, full.qk_norm) == (6, 3, 128, "l2")
    assert (mlp.hidden, mlp.activation) == (4 * 768, "relu2")
    assert (model.context, model.softcap, model.tie_embeddings) == (2048, 15.0, False)


@pytest.mark.parametrize(
    ("pattern", "expected"),
    [("L", "10×(A-M)"), ("s", "9×(W-M)-A-M"), ("SL", "5×(W-M-A-M)"), (None, "10×(A-M)")],
)
def test_patterns(pattern, expected):
    assert read_content({**GPT, "window_pattern": pattern}).architecture.pattern == expected


def test_a_meta_file_of_a_checkpoint(tmp_path):
    path = tmp_path / "meta_001000.json"
    text = json.dumps({"step": 1000, "val_bpb": 0.9, "model_config": GPT})
    path.write_text(text, encoding="utf-8")
    done = run("import", path)
    assert done.code == 0, done.err
    assert "layers 2×(3×(W-M)-A-M)-W-M-A-M" in done.out
    assert "note: norms have gains, 16,128 parameters that nanochat does not have" in done.err
    assert "value embeddings and factors of the residual are left out" in done.err
    assert run("show", path, "--format", "json").code == 0


def test_parameters_are_those_of_transformers_and_the_gains():
    import torch
    from transformers import AutoModelForCausalLM, NanoChatConfig

    config = NanoChatConfig(num_hidden_layers=4, num_key_value_heads=2, rms_norm_eps=1e-6)
    with torch.device("meta"):
        model = AutoModelForCausalLM.from_config(config)
    found = read_content(json.loads(config.to_json_string()))
    gains = 9 * 768
    assert cost(found.architecture).total_parameters == model.num_parameters() + gains
    assert found.architecture.blocks["M"].hidden == config.intermediate_size
    assert not any("value embeddings" in note for note in found.notes)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"window_pattern": "SSXL"}, "window_pattern 'SSXL' is not made of S and L"),
        ({"window_pattern": ""}, "window_pattern '' is not made of S and L"),
        ({"window_pattern": 3}, "window_pattern is 3, not a text"),
        ({"n_head": 7, "n_kv_head": 7}, "n_head: width 768 is not divisible by heads 7"),
        ({"n_layer": 0}, "n_layer is 0, not 1 to 2,048"),
        ({"frozen_embd": True}, "frozen_embd true (unknown setting)"),
        ({"model_config": {**GPT, "new": 1}}, "new 1 (unknown setting) in model_config"),
    ],
)
def test_what_is_refused(change, message):
    with pytest.raises(InputError) as caught:
        read_content({**GPT, **change})
    assert message in caught.value.message
