"""Architectures of published models: their costs, and exports that others load."""

import json
from pathlib import Path

import pytest

import aira_dsl
from tests.helpers.command_line import run
from tests.interop.olmo_core.schema import problems

INPUTS = Path(__file__).parent / "export"
NEMOTRON_8B = Path(__file__).parent / "import" / "nemotron_h_8b.json"


@pytest.mark.parametrize(
    ("name", "parameters", "kv_bytes"),  # counted by transformers 5.23; bytes of a token in bf16
    [
        ("bamba_9b", 9_780_235_392, 12_288),
        ("granite4_h_1b", 1_461_538_368, 8_192),
        ("smollm3", 3_075_098_624, 73_728),
        ("head_dim_kv", 23_572_403_200, 163_840),
        ("mamba2attn_2p7b", None, 92_160),
    ],
)
def test_costs_of_published_models(name, parameters, kv_bytes):
    done = run("show", INPUTS / f"{name}.arch", "--format", "json")
    costs = json.loads(done.out)["costs"]
    assert costs["kv_cache_bytes"] == kv_bytes
    assert parameters in (None, costs["total_parameters"])


@pytest.mark.parametrize(
    ("name", "pattern"),
    [
        ("bamba_9b", "Mb-F-3×(8×(Mb-F)-A-F)-4×(Mb-F)"),
        ("granite4_h_1b", "4×(5×(Mb-F)-A-F-4×(Mb-F))"),
    ],
)
def test_printed_patterns_keep_the_pairs_of_the_file(name, pattern):
    assert run("check", INPUTS / f"{name}.arch").out.endswith(f"layers, {pattern}\n")


def test_inner_width_that_heads_do_not_divide():
    done = run("check", INPUTS / "mamba360.arch")
    assert done.code == 1
    assert "E0211" in done.out + done.err
    assert "use head_dim 32" in done.out + done.err


def test_olmo_core_loads_what_is_exported():
    done = run("compile", INPUTS / "alternating.arch", "--emit", "olmo")
    config = json.loads(done.out)
    assert problems(config) == []
    mixers = [block["sequence_mixer"]["type"] for block in config["block"].values()]
    assert mixers == ["attention", "attention"]


@pytest.mark.parametrize("emit", ["hf", "nemotron_h"])
def test_an_8b_config_is_written_without_its_weights(emit, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert run("import", NEMOTRON_8B, "--out", "large.arch").code == 0
    done = run("compile", "large.arch", "--emit", emit, "--no-weights", "--dtype", "bfloat16")
    assert done.code == 0, done.err
    folder = tmp_path / f"large.{emit}"
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    assert config["dtype"] == "bfloat16"
    assert not (folder / "model.safetensors").exists()
    assert "from_config" in done.out
    again = aira_dsl.load(folder / "architecture.arch")
    assert aira_dsl.cost(again).total_parameters == 8_100_852_736


def test_hugging_face_code_is_written_without_transformers(tmp_path, monkeypatch):
    monkeypatch.setitem(__import__("sys").modules, "transformers", None)  # as if not installed
    monkeypatch.setattr("aira_dsl.cli.compile.find_spec", lambda name: None)
    out = tmp_path / "m.hf"
    done = run("compile", INPUTS / "alternating.arch", "--emit", "hf", "--out", out)
    assert done.code == 0, done.err
    assert "class AiraForCausalLM(PreTrainedModel" in (out / "modeling_aira.py").read_text(
        encoding="utf-8"
    )
    assert "transformers is not installed here: pip install 'transformers" in done.out
