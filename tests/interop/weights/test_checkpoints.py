"""Random checkpoints of every family, written by transformers: logits of ours are theirs."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from aira_dsl.errors import InputError
from aira_dsl.interop.decoders.registry import READERS
from aira_dsl.interop.weights import export_checkpoint, load_checkpoint
from aira_dsl.interop.weights.families import FAMILIES
from aira_dsl.interop.weights.plan import DERIVED
from aira_dsl.models import load_model, save_model
from tests.helpers.command_line import run
from tests.interop.weights.tiny import TINY, VOCAB, write_checkpoint

SHARDED = {"qwen3_next"}


def logits_of(model: nn.Module, tokens: Tensor) -> Tensor:
    with torch.no_grad():
        return model(tokens, use_cache=False).logits


@pytest.mark.parametrize("model_type", TINY)
def test_logits_are_those_of_transformers(model_type: str, tmp_path: Path) -> None:
    """To 1e-5 in float32, all at once and token by token."""
    options = {"max_shard_size": "40KB"} if model_type in SHARDED else {}
    theirs = write_checkpoint(model_type, tmp_path, **options)
    assert len(list(tmp_path.glob("*.safetensors"))) > 1 or model_type not in SHARDED
    ours = load_checkpoint(tmp_path)
    tokens = torch.randint(VOCAB, (2, 23), generator=torch.Generator().manual_seed(1))
    expected = logits_of(theirs, tokens)
    with torch.no_grad():
        torch.testing.assert_close(ours(tokens), expected, atol=1e-5, rtol=1e-5)
        cache = ours.new_cache(2)
        pieces = [ours(piece, cache) for piece in tokens.split([10] + 13 * [1], dim=1)]
        torch.testing.assert_close(torch.cat(pieces, 1), expected, atol=1e-5, rtol=1e-5)


@pytest.mark.parametrize("model_type", TINY)
def test_weights_move_back(model_type: str, tmp_path: Path) -> None:
    """transformers loads what is exported; every tensor has its name, shape and numbers again."""
    from transformers import AutoModelForCausalLM

    theirs = write_checkpoint(model_type, tmp_path / "theirs")
    ours = load_checkpoint(tmp_path / "theirs")
    assert export_checkpoint(ours, tmp_path / "theirs", tmp_path / "back") == "written"
    again, info = AutoModelForCausalLM.from_pretrained(tmp_path / "back", output_loading_info=True)
    assert not any(info[key] for key in ("unexpected_keys", "mismatched_keys"))
    assert all(map(DERIVED.search, info["missing_keys"]))
    expected = theirs.state_dict()
    for name, tensor in again.state_dict().items():
        torch.testing.assert_close(tensor, expected[name], atol=1e-6, rtol=1e-6)


def test_weights_of_another_architecture_are_not_exported(tmp_path: Path) -> None:
    write_checkpoint("llama", tmp_path / "one")
    write_checkpoint("qwen3", tmp_path / "two")
    with pytest.raises(InputError, match="E0511"):
        export_checkpoint(load_checkpoint(tmp_path / "one"), tmp_path / "two", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_every_family_has_a_tiny_model() -> None:
    assert TINY.keys() == FAMILIES.keys()
    # nemotron_h has its reader elsewhere; a layer of Gemma 4 has a factor that ours lack.
    assert READERS.keys() - FAMILIES.keys() == {"gemma4_text"}


@pytest.mark.parametrize("model_type", ["gemma2", "qwen3_next"])
def test_module_folder_has_the_weights_and_the_bytes_that_saving_writes(
    model_type: str, tmp_path: Path
) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    write_checkpoint(model_type, source)
    done = run("import", source, "--weights", out, "--name", "tiny")
    assert (done.code, "written" in done.out) == (0, True), done.err
    model, expected = load_model(out), load_checkpoint(source, name="tiny")
    assert model.architecture == expected.architecture
    for name, tensor in model.state_dict().items():
        assert torch.equal(tensor, expected.state_dict()[name]), name
    assert save_model(model, out) == "unchanged"
    assert "unchanged" in run("import", source, "--weights", out, "--name", "tiny").out


def test_another_model_is_replaced_with_force_only(tmp_path: Path) -> None:
    one, two, out = tmp_path / "one", tmp_path / "two", tmp_path / "out"
    write_checkpoint("llama", one)
    write_checkpoint("qwen3", two)
    assert run("import", one, "--weights", out).code == 0
    before = (out / "model.safetensors").read_bytes()
    refused = run("import", two, "--weights", out)
    assert (refused.code, "E0503" in refused.err) == (1, True)
    assert (out / "model.safetensors").read_bytes() == before
    assert run("import", two, "--weights", out, "--force").code == 0
    assert (out / "model.safetensors").read_bytes() != before


def rewritten(folder: Path, change: Callable[[dict[str, Tensor]], object]) -> None:
    """Change the tensors of a checkpoint."""
    tensors = load_file(folder / "model.safetensors")
    change(tensors)
    save_file(tensors, folder / "model.safetensors")


def test_every_missing_extra_and_misshapen_tensor_is_listed(tmp_path: Path) -> None:
    source, out = tmp_path / "source", tmp_path / "out"
    write_checkpoint("mixtral", source)

    def break_it(tensors: dict[str, Tensor]) -> None:
        del tensors["model.layers.0.block_sparse_moe.experts.2.w1.weight"]
        del tensors["model.norm.weight"]
        tensors["model.layers.9.self_attn.q_proj.weight"] = torch.zeros(3)
        tensors["model.layers.1.self_attn.q_proj.weight"] = torch.zeros(32, 31)

    rewritten(source, break_it)
    done = run("import", source, "--weights", out)
    assert (done.code, out.exists()) == (1, False)
    for text in (
        "E0525", "4 tensors differ",
        "model.layers.0.block_sparse_moe.experts.2.w1.weight is missing (shape [40, 32])",
        "model.norm.weight is missing (shape [32])",
        "model.layers.9.self_attn.q_proj.weight is not a weight of the model",
        "model.layers.1.self_attn.q_proj.weight has shape [32, 31], the config asks for [32, 32]",
    ):  # fmt: skip
        assert text in done.err
    assert [path.name for path in tmp_path.iterdir()] == ["source"]


def test_tensors_that_follow_from_others_are_left_out_and_named(tmp_path: Path) -> None:
    write_checkpoint("qwen2", tmp_path / "source")

    def add(tensors: dict[str, Tensor]) -> None:
        tensors["model.layers.0.self_attn.rotary_emb.inv_freq"] = torch.zeros(4)
        tensors["lm_head.weight"] = tensors["model.embed_tokens.weight"].clone()

    before = load_checkpoint(tmp_path / "source").state_dict()
    rewritten(tmp_path / "source", add)
    done = run("import", tmp_path / "source", "--weights", tmp_path / "out")
    assert done.code == 0, done.err
    assert "lm_head.weight, model.layers.0.self_attn.rotary_emb.inv_freq" in done.err
    after = load_model(tmp_path / "out").state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())


def test_layers_for_multi_token_prediction_are_left_out(tmp_path: Path) -> None:
    """They follow the last layer; a config without them has no such tensors."""
    source, out = tmp_path / "source", tmp_path / "out"
    write_checkpoint("deepseek_v3", source)
    rewritten(source, lambda each: each.update({"model.layers.2.eh_proj.weight": torch.zeros(2)}))
    path = source / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    for count, code in ((0, 1), (1, 0)):
        changed = {**config, "num_nextn_predict_layers": count}
        path.write_text(json.dumps(changed), encoding="utf-8")
        done = run("import", source, "--weights", out)
        assert (done.code, "model.layers.2.eh_proj.weight" in done.err) == (code, True), done.err
        assert out.exists() == (code == 0)


@pytest.mark.parametrize(("model_type", "kept"), [("llama", True), ("gemma", False)])
def test_bfloat16_is_kept_where_it_rounds_nothing(
    model_type: str, kept: bool, tmp_path: Path
) -> None:
    """Gains of Gemma are 1 + w: rounded to bfloat16 they would lose what w has."""
    from transformers import AutoModelForCausalLM

    wide = write_checkpoint(model_type, tmp_path / "wide")
    wide.to(torch.bfloat16).save_pretrained(tmp_path / "source")
    theirs = AutoModelForCausalLM.from_pretrained(tmp_path / "source", dtype=torch.float32)
    done = run("import", tmp_path / "source", "--weights", tmp_path / "out")
    assert done.code == 0, done.err
    model = load_model(tmp_path / "out")
    assert model.embedding.weight.dtype == (torch.bfloat16 if kept else torch.float32)
    tokens = torch.arange(20)[None]
    expected = logits_of(theirs, tokens)
    with torch.no_grad():
        torch.testing.assert_close(model.float()(tokens), expected, atol=1e-5, rtol=1e-5)
    narrow = load_checkpoint(tmp_path / "source", dtype=torch.bfloat16)
    assert narrow.norm.weight.dtype == torch.bfloat16


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Return a checkpoint of several files."""
    write_checkpoint("llama", tmp_path / "source", max_shard_size="20KB")
    return tmp_path / "source"


def lose_a_file(folder: Path) -> None:
    next(folder.glob("*.safetensors")).unlink()


def lose_the_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").unlink()


def name_a_file_outside(folder: Path) -> None:
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["weight_map"]["x"] = "../model.safetensors"
    path.write_text(json.dumps(index), encoding="utf-8")


def damage_the_index(folder: Path) -> None:
    (folder / "model.safetensors.index.json").write_text("[]", encoding="utf-8")


def cut_a_file(folder: Path) -> None:
    path = next(folder.glob("*.safetensors"))
    path.write_bytes(path.read_bytes()[:1000])


def quantize(folder: Path) -> None:
    path = next(folder.glob("*.safetensors"))
    save_file({name: t.to(torch.int8) for name, t in load_file(path).items()}, path)


@pytest.mark.parametrize(
    ("damage", "text"),
    [
        (lose_a_file, "files of the index are missing: model-0"),
        (lose_the_index, "there is no model.safetensors and no model.safetensors.index.json"),
        (name_a_file_outside, "names '../model.safetensors', which is not a file of the folder"),
        (damage_the_index, "is not an index of weights"),
        (cut_a_file, "cannot be read"),
        (quantize, "not of a floating-point type: "),
    ],
)
def test_unusable_files_are_refused(
    damage: Callable[[Path], None], text: str, source: Path, tmp_path: Path
) -> None:
    damage(source)
    done = run("import", source, "--weights", tmp_path / "out")
    assert (done.code, "E0527" in done.err, text in done.err) == (1, True, True), done.err
    assert not (tmp_path / "out").exists()


def test_the_config_must_be_that_of_the_weights(source: Path) -> None:
    path = source / "config.json"
    config = json.loads(path.read_text(encoding="utf-8"))
    path.write_text(json.dumps({**config, "num_hidden_layers": 3}), encoding="utf-8")
    with pytest.raises(InputError, match=r"model\.layers\.2\.self_attn\.q_proj\.weight is missing"):
        load_checkpoint(source)
    shutil.copy(path, source / "nowhere")
    path.unlink()
    assert "E0524" in run("import", source, "--weights", source / "out").err


@pytest.mark.parametrize(
    "arguments",
    [
        ["x", "--dtype", "bfloat16"],
        ["x", "--weights", "y", "--costs-only"],
        ["x", "--weights", "y", "--out", "z"],
        ["megatron", "M-M", "--weights", "y"],
    ],
)
def test_options_that_do_not_go_together_are_refused(arguments: list[str]) -> None:
    done = run("import", *arguments)
    assert (done.code, "E0523" in done.err) == (2, True)
