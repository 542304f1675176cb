"""The tokenizer beside an exported model, as transformers loads it."""

import json
import warnings
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer, models, pre_tokenizers, trainers

from aira_dsl.architecture import Architecture
from aira_dsl.interop.families.nemotron_h import export_nemotron_h
from aira_dsl.interop.huggingface import export_hugging_face
from aira_dsl.interop.tokenizer import TokenizerFiles, byte_tokenizer, write_tokenizer
from aira_dsl.models import LanguageModel, build
from aira_dsl.primitives import MLP, Attention

with warnings.catch_warnings():
    warnings.simplefilter("ignore")  # transformers' own
    from transformers import AutoModelForCausalLM, AutoTokenizer

pytestmark = pytest.mark.filterwarnings("ignore")  # transformers' own


def model(vocab: int = 256) -> LanguageModel:
    blocks = {"A": Attention(heads=2, rope=None), "M": MLP(hidden=8)}
    architecture = Architecture(
        name="bytes", width=16, vocab=vocab, context=64, blocks=blocks, layers=("A", "M")
    )
    return build(architecture, seed=0)


@pytest.fixture(scope="module")
def byte_level(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    write_tokenizer(folder, byte_tokenizer())
    return AutoTokenizer.from_pretrained(folder)


@settings(max_examples=200)
@given(st.text(st.characters(exclude_categories=["Cs"])))
def test_ids_are_bytes_and_every_text_comes_back(byte_level, text):
    ids = byte_level(text, add_special_tokens=False).input_ids
    assert ids == list(text.encode())
    assert byte_level(text).input_ids == ids
    assert byte_level.decode(ids) == text


@pytest.mark.parametrize(
    "text",
    [
        "<|endoftext|> <0x00> Ā [PAD] <s></s>",
        " ,  . n't \r\n\t",
        "a\0b",
        "\0\0",
        "é\u0301 \U0001f600",
    ],
)
def test_texts_that_look_like_special_tokens_are_text(byte_level, text):
    assert byte_level(text).input_ids == list(text.encode())
    assert byte_level.decode(list(text.encode())) == text


def test_every_byte_is_a_token_and_the_end_of_a_document_is_special(byte_level):
    assert len(byte_level) == byte_level.vocab_size == 256
    assert (byte_level.eos_token_id, byte_level.pad_token_id, byte_level.bos_token_id) == (
        0,
        0,
        None,
    )
    assert byte_level.decode([0, 97, 0], skip_special_tokens=True) == "a"
    assert byte_level.decode([0xC3]) == "\ufffd"


@pytest.mark.parametrize("export", [export_hugging_face, export_nemotron_h])
def test_an_exported_byte_model_has_its_tokenizer_and_generates_text(export, tmp_path):
    export(model(), tmp_path / "out")
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "out", trust_remote_code=True)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path / "out", trust_remote_code=True)
    assert loaded.config.eos_token_id == loaded.generation_config.eos_token_id == 0
    prompt = tokenizer("Once upon", return_tensors="pt")
    found = loaded.generate(**prompt, max_new_tokens=8, do_sample=False)
    assert tokenizer.decode(found[0]).startswith("Once upon")
    assert export(model(), tmp_path / "out") == "unchanged"


def test_other_vocabularies_have_no_tokenizer_unless_one_is_given(tmp_path):
    export_hugging_face(model(300), tmp_path / "none")
    assert not list((tmp_path / "none").glob("tokenizer*"))
    assert (
        json.loads((tmp_path / "none/config.json").read_text(encoding="utf-8"))["eos_token_id"]
        is None
    )
    export_hugging_face(
        model(300), tmp_path / "given", tokenizer=TokenizerFiles(learnt(tmp_path), 2, "<|end|>")
    )
    tokenizer = AutoTokenizer.from_pretrained(tmp_path / "given")
    assert tokenizer.eos_token == "<|end|>"
    assert tokenizer.eos_token_id == 2
    ids = tokenizer("the cat sat on the mat").input_ids
    assert ids == Tokenizer.from_file(str(tmp_path / "t.json")).encode("the cat sat on the mat").ids
    assert (
        json.loads((tmp_path / "given/config.json").read_text(encoding="utf-8"))["eos_token_id"]
        == 2
    )


def learnt(folder: Path) -> str:
    tokenizer = Tokenizer(models.BPE())
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    special = ["<|pad|>", "<|start|>", "<|end|>"]
    tokenizer.train_from_iterator(
        ["the cat sat on the mat"] * 5,
        trainers.BpeTrainer(vocab_size=60, special_tokens=special, show_progress=False),
    )
    tokenizer.save(str(folder / "t.json"))
    return (folder / "t.json").read_text(encoding="utf-8")
