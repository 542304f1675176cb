"""Configs of native classes: published models come back equal, and what a class lacks is named."""

import json
from pathlib import Path

import pytest

import aira_dsl
from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.interop.gallery import published_models
from aira_dsl.interop.importers import read_content
from aira_dsl.interop.native.registry import NATIVE
from tests.helpers.command_line import run

FORMS = {family.model_type: family for family in NATIVE.values()}
MODELS = {model.name: model for model in published_models() if model.config["model_type"] in FORMS}
DESIGN = """
  width 64; vocab 300; context 128
  block A = attention { heads 4, kv_heads 2 }
  block M = mlp { hidden 96, activation swiglu }
  block Mb = mamba2 { inner 128, head_dim 32 }
"""


def tiny(layers: str = "2(A-M)", *changes: tuple[str, str]) -> Architecture:
    text = DESIGN
    for old, new in changes:
        assert old in text
        text = text.replace(old, new)
    return aira_dsl.parse(f"architecture tiny {{ {text}\n layers {layers} }}")


@pytest.mark.parametrize("name", MODELS)
def test_published_models_come_back(name: str) -> None:
    """config -> architecture -> config -> architecture; the config has passed through JSON."""
    model = MODELS[name]
    config = FORMS[model.config["model_type"]].config(model.architecture)
    again = read_content(json.loads(json.dumps(config)), name=model.name).architecture
    assert again == model.architecture


def test_every_published_model_has_a_class() -> None:
    assert {model.name for model in published_models()} == MODELS.keys()


@pytest.mark.parametrize(
    ("layers", "change", "reason"),
    [
        ("A-M-Mb-M", None, "it has mamba2 layers"),
        ("(A|Mb)-M", None, "it has parallel layers of attention and mamba2"),
        ("2A-2M", None, "its layer 2 is attention, where Llama has mlp"),
        ("A-M-A", None, "its last layer has no mlp after it"),
        (
            "A-M",
            ("heads 4", "norm post, heads 4"),
            "its attention has norm post, where Llama has pre",
        ),
        (
            "A-M",
            ("heads 4", "rope none, heads 4"),
            "attention has rope none, where Llama has 10000.0",
        ),
        ("A-M", ("heads 4", "rotary 0.5, heads 4"), "has rotary 0.5, where Llama has 1.0"),
        ("A-M", ("heads 4", "window 9, heads 4"), "has window 9, where Llama has none"),
        (
            "A-M",
            ("activation swiglu", "activation relu"),
            "activation relu, where Llama has swiglu",
        ),
        ("A-M", ("hidden 96", "residual_scale 0.5, hidden 96"), "mlp has residual_scale 0.5"),
        ("2A-M", ("width 64", "softcap 30; width 64"), "it has softcap 30.0, where Llama has none"),
        (
            "A-M",
            ("width 64", "norm_kind layer; width 64"),
            "has norm_kind layer, where Llama has rms",
        ),
        (
            "A-M",
            ("heads 4, kv_heads 2", "heads 3, head_dim 16"),
            "is not a multiple of its heads 3",
        ),
        ("2(A-M)", ("hidden 96", "tied true, hidden 96"), "layers of it share their weights"),
    ],
)
def test_what_llama_lacks_is_named(
    layers: str, change: tuple[str, str] | None, reason: str
) -> None:
    reasons = NATIVE["llama"].unsupported(tiny(layers, *([change] if change else [])))
    assert reason in "; ".join(reasons)


def test_reasons_of_order_and_of_blocks_are_named_together() -> None:
    changes = (("heads 4", "window 9, heads 4"), ("width 64", "softcap 30; width 64"))
    with pytest.raises(InputError) as caught:
        NATIVE["llama"].config(tiny("A-M-Mb", *changes))
    assert caught.value.code == "E0510"
    for reason in ("mamba2 layers", "window 9", "softcap 30.0"):
        assert reason in caught.value.message


@pytest.mark.parametrize(
    ("form", "architecture", "reason"),
    [
        ("qwen3", "block A = attention; block M = mlp; layers A-M", "qk_norm none"),
        ("olmo2", "block A = attention { qk_norm width }; block M = mlp; layers A-M", "norm pre"),
        (
            "jamba",
            "block A = attention { rope none }; block S = mamba1 { inner 256, norms rms }; "
            "block M = mlp { activation swiglu }; layers S-M-2(A-M)-2(S-M)-A-M",
            "its attention layers are not one in every 1 of its layers",
        ),
        (
            "granitemoehybrid",
            "block S = mamba2 { inner 160 }; block M = mlp { activation swiglu }; layers S-M",
            "its inner width 160 is not a multiple of the width 128",
        ),
        (
            "gemma3",
            "embedding_scale 3; block A = attention { norm sandwich, qk_norm head }; "
            "block M = mlp { norm sandwich, activation geglu }; layers A-M",
            "it has embedding_scale 3.0, where Gemma3 has 11.3",
        ),
        (
            "olmo_hybrid",
            "block A = attention { norm post, qk_norm width }; "
            "block M = mlp { norm post, activation swiglu }; layers A-M",
            "it has no gated_delta_net layers",
        ),
        (
            "nemotron_h",
            "block A = attention { rope none }; block E = moe { activation relu2 }; layers A-E",
            "its moe has router softmax, where NemotronH has sigmoid",
        ),
        (
            "lfm2",
            "block C = short_conv { inner 64 }; block M = mlp { activation swiglu }; layers C-M",
            "its short_conv has inner 64, where Lfm2 has 128",
        ),
        (
            "nemotron_h",
            "block A = attention; block L = mla; layers A; mtp L",
            "it has mla layers",
        ),
        (
            "nemotron_h",
            "block A = attention; block M = mlp; layers A-M; mtp (A|M)",
            "it has parallel layers of attention and mlp",
        ),
        (
            "llama4",
            "block A = attention; block E = moe; layers A-E",
            "its moe has router softmax, where Llama4 has sigmoid_input",
        ),
        *(
            (form, "block A = attention; block E = moe; layers A-E", reason)
            for form, reason in {
                "gpt_oss": "its moe has clamp none, where GptOss has 7.0",
                "qwen2_moe": "its moe has shared none, where Qwen2Moe has",
                "qwen3_next": "its moe has shared none, where Qwen3Next has",
                "qwen3_5_moe": "its moe has shared none, where Qwen3_5Moe has",
                "granitemoehybrid": "its moe has shared none, where GraniteMoeHybrid has",
            }.items()
        ),
    ],
)
def test_what_other_classes_lack_is_named(form: str, architecture: str, reason: str) -> None:
    given = aira_dsl.parse(f"architecture tiny {{ {architecture} }}")
    assert reason in "; ".join(NATIVE[form].unsupported(given))


def test_names_of_blocks_and_the_order_of_branches_do_not_count() -> None:
    text = """architecture h {{ width 64
      block Heads = attention {{ heads 4 }}
      block State = mamba2 {{ inner 128, gated_norm none }}
      block Z = mlp {{ activation swiglu }}
      layers 2(({})-Z) }}"""
    for branches in ("Heads|State", "State|Heads"):
        assert NATIVE["falcon_h1"].unsupported(aira_dsl.parse(text.format(branches))) == []


def test_the_command_writes_a_folder_that_comes_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.arch").write_text(aira_dsl.to_text(tiny().replace(vocab=256)), encoding="utf-8")
    done = run("compile", "m.arch", "--emit", "llama", "--dtype", "bfloat16")
    assert done.code == 0, done.err
    assert "note: max_position_embeddings is the context, 128 tokens" in done.err
    names = {path.name for path in Path("m.llama").iterdir()}
    assert names == {
        "config.json", "generation_config.json", "model.safetensors", "architecture.arch",
        "tokenizer.json", "tokenizer_config.json",
    }  # fmt: skip
    config = json.loads(Path("m.llama/config.json").read_text(encoding="utf-8"))
    assert (config["dtype"], config["eos_token_id"], config["architectures"]) == (
        "bfloat16", 0, ["LlamaForCausalLM"],
    )  # fmt: skip
    assert "unchanged" in run("compile", "m.arch", "--emit", "llama", "--dtype", "bfloat16").out
    shown = run("import", "m.llama/config.json", "--name", "tiny")
    assert aira_dsl.parse(shown.out).fingerprint == aira_dsl.load("m.arch").fingerprint


def test_the_weights_are_those_of_a_module_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import torch

    from aira_dsl.interop.weights import load_checkpoint

    monkeypatch.chdir(tmp_path)
    Path("m.arch").write_text(aira_dsl.to_text(tiny()), encoding="utf-8")
    assert run("compile", "m.arch", "--seed", "7").code == 0
    assert run("compile", "m.arch", "--emit", "llama", "--weights", "m.module").code == 0
    ours, theirs = aira_dsl.load_model("m.module"), load_checkpoint("m.llama")
    tokens = torch.arange(40)[None]
    with torch.no_grad():
        assert torch.equal(ours(tokens), theirs(tokens))
    assert not list(Path("m.llama").glob("tokenizer*"))  # the vocabulary is not that of bytes


@pytest.mark.parametrize("emit", ["llama", "hf"])
def test_weights_of_another_export_are_refused_with_the_way(
    emit: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.arch").write_text(aira_dsl.to_text(tiny()), encoding="utf-8")
    assert run("compile", "m.arch", "--emit", emit).code == 0
    done = run("compile", "m.arch", "--emit", "mistral", "--weights", f"m.{emit}")
    assert (done.code, "error[E0506]" in done.err) == (1, True)
    assert f"aira-dsl import m.{emit} --weights OUT" in " ".join(done.err.split())
    assert not Path("m.mistral").exists()
    assert run("import", f"m.{emit}", "--weights", "m.module").code == 0
    done = run("compile", "m.arch", "--emit", "mistral", "--weights", "m.module")
    assert done.code == 0, done.err


def test_what_cannot_be_expressed_is_not_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.arch").write_text(aira_dsl.to_text(tiny("A-M-Mb-M")), encoding="utf-8")
    done = run("compile", "m.arch", "--emit", "llama")
    assert (done.code, "Llama cannot express tiny: it has mamba2 layers" in done.err) == (1, True)
    fitting = done.err.split("use --emit ")[1].split()[::2]
    assert {"hf", "granitemoehybrid"} <= set(fitting)
    assert not {"llama", "mamba2"} & set(fitting)
    assert [path.name for path in tmp_path.iterdir()] == ["m.arch"]


def test_the_form_with_its_own_code_names_the_classes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("m.arch").write_text(aira_dsl.to_text(tiny()), encoding="utf-8")
    done = run("compile", "m.arch", "--emit", "hf", "--no-weights")
    assert "It needs no remote code with --emit llama or mistral or " in done.out
