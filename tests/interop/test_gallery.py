"""Published models: totals, active parameters, caches and states, to the unit.

Figures of `GOLDEN` were counted on modules of transformers 5.23 on the meta device, caches on its
own cache objects. `pytest -m slow -s` compares every model with transformers and prints the table.
"""

import copy
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.architecture import cost
from aira_dsl.interop.gallery import published_models
from tests.helpers.command_line import run

EXAMPLES = Path(__file__).parents[2] / "examples" / "models"
MODELS = {model.name: model for model in published_models()}

GOLDEN = {  # total, active with all embeddings, KV bytes per token, of windows, state bytes
    "nemotron_nano_9b_v2": (8_888_227_328, 8_888_227_328, 16_384, 0, 143_548_416),
    "nemotron_h_8b": (8_100_852_736, 8_100_852_736, 16_384, 0, 102_137_856),
    "nemotron_3_nano_30b_a3b": (31_577_937_344, 3_580_073_408, 6_144, 0, 49_082_368),
    "jamba_v0_1": (51_570_323_328, 12_110_311_296, 16_384, 0, 16_056_320),
    "gpt_oss_120b": (116_829_156_672, 5_711_982_912, 36_864, 4_718_592, 0),
    "qwen3_5_9b": (8_953_803_264, 8_953_803_264, 32_768, 0, 51_511_296),
    "qwen3_5_35b_a3b": (34_660_610_688, 3_454_988_928, 20_480, 0, 64_389_120),
    "granite_4_0_h_small": (32_207_337_984, 8_803_121_664, 16_384, 0, 152_819_712),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_costs_are_those_of_the_published_model(name):
    costs = cost(MODELS[name].architecture)
    found = (
        costs.total_parameters,
        costs.active_parameters,
        costs.kv_cache_bytes,
        costs.window_bytes,
        costs.state_bytes,
    )
    assert found == GOLDEN[name]


def test_vendors_leave_out_different_embeddings():
    """gpt-oss 5.13 B and Nemotron 3.2 B without the embedding, MiniMax 45.9 B without both."""
    gpt, nemotron, minimax = (
        cost(MODELS[name].architecture)
        for name in ("gpt_oss_120b", "nemotron_3_nano_30b_a3b", "minimax_text_01")
    )
    assert round(gpt.active_without_input / 1e9, 2) == 5.13
    assert round(nemotron.active_without_input / 1e9, 1) == 3.2
    assert round(minimax.active_without_embeddings / 1e9, 1) == 45.9


@pytest.mark.parametrize("name", MODELS)
def test_totals_are_the_publishers(name):
    model = MODELS[name]
    if model.total is None:
        pytest.skip("the publisher's number is not known to the unit")
    assert cost(model.architecture).total_parameters == model.total


@pytest.mark.parametrize("name", MODELS)
def test_the_example_is_what_the_importer_writes(name):
    """`aira-dsl gallery NAME > examples/models/NAME.arch` writes it again."""
    assert (EXAMPLES / f"{name}.arch").read_text(encoding="utf-8") == MODELS[name].text


def test_every_example_is_in_the_gallery():
    assert {path.stem for path in EXAMPLES.glob("*.arch")} == set(MODELS)


@pytest.mark.parametrize("name", MODELS)
def test_text_and_yaml_mean_the_same(name):
    model = MODELS[name].architecture
    text = aira_dsl.parse(MODELS[name].text)
    assert text == model
    assert aira_dsl.parse(aira_dsl.to_yaml(text), filename="model.yaml") == model


def test_the_command_lists_and_prints(monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    shown = run("gallery").out
    assert [name for name in MODELS if name not in shown] == []
    assert "18 attention of 128, 36 moe, 18 attention" in shown
    assert run("gallery", "qwen3_8b").out == MODELS["qwen3_8b"].text
    refused = run("gallery", "qwen99")
    assert refused.code == 2
    assert "E0523" in refused.err


@pytest.mark.parametrize("command", ["check", "show", "compile"])
def test_the_name_of_a_published_model_is_not_a_file(command, tmp_path):
    done = run(command, "qwen3_8b", cwd=tmp_path)
    assert done.code == 1
    assert "error[E0301]: no such file" in done.out + done.err
    assert "aira-dsl gallery qwen3_8b > qwen3_8b.arch" in done.out + done.err
    other = run(command, "qwen3_7b", cwd=tmp_path)
    assert "gallery" not in other.out + other.err


@pytest.mark.slow
def test_totals_are_those_of_transformers(capsys):
    lines = []
    for model in MODELS.values():
        ours, theirs = cost(model.architecture).total_parameters, transformers_total(model.config)
        lines.append(f"{model.name:26} {ours:>17,} {theirs:>17,} {ours - theirs:+,}")
    with capsys.disabled():
        print("\nmodel                                  aira-dsl      transformers difference")
        print("\n".join(lines))
    assert [line for line in lines if not line.endswith("+0")] == []


def transformers_total(config):
    import torch
    from transformers import AutoModelForCausalLM
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    settings = copy.deepcopy(config)
    made = CONFIG_MAPPING[settings.pop("model_type")](**settings)
    with torch.device("meta"):
        return AutoModelForCausalLM.from_config(made).num_parameters()
