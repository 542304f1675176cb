"""Tokenizers: raw bytes of every token, the separator, and files that cannot be used."""

import json
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from tokenizers import (
    AddedToken,
    Tokenizer,
    decoders,
    models,
    normalizers,
    pre_tokenizers,
    trainers,
)

from aira_dsl.data.tokens import tokenizer as module
from aira_dsl.data.tokens.prepare import prepare
from aira_dsl.data.tokens.rows import Rows
from aira_dsl.data.tokens.tokenizer import open_tokenizer
from aira_dsl.errors import AiraError, InputError

TEXT = "The quick brown fox jumps over the lazy dog.\n\tNaïve café, 日本語 and 🙂.\n" * 20
ANY_TEXT = st.text(st.characters(exclude_characters="\0", codec="utf-8"), max_size=200)


def byte_level(*special: str, vocabulary: int = 400) -> Tokenizer:
    encoder = Tokenizer(models.BPE())
    encoder.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    encoder.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=vocabulary,
        special_tokens=list(special),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    encoder.train_from_iterator([TEXT], trainer)
    return encoder


def sentence_pieces() -> Tokenizer:
    """BPE with byte fallback, as of Llama 2: spaces are ▁, unknown characters are bytes."""
    encoder = Tokenizer(models.BPE(byte_fallback=True, unk_token="<unk>"))
    encoder.normalizer = normalizers.Replace(" ", "▁")
    alphabet = [f"<0x{byte:02X}>" for byte in range(256)]
    trainer = trainers.BpeTrainer(
        vocab_size=600, special_tokens=["<unk>", "</s>", *alphabet], show_progress=False
    )
    encoder.train_from_iterator([TEXT], trainer)
    record = json.loads(encoder.to_str())
    kept = [each for each in record["added_tokens"] if not each["content"].startswith("<0x")]
    return Tokenizer.from_str(json.dumps(record | {"added_tokens": kept}))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("tokenizers")
    byte_level("<|endoftext|>").save(str(folder / "byte_level.json"))
    sentence_pieces().save(str(folder / "pieces.json"))
    return folder


@pytest.mark.parametrize("name", ["bytes", "byte_level.json", "pieces.json"])
@given(text=ANY_TEXT)
def test_tokens_stand_for_the_bytes_of_the_text(folder: Path, name: str, text: str) -> None:
    tokenizer = open_tokenizer(name if name == "bytes" else folder / name)
    (tokens,) = tokenizer.encode([text.encode()])
    assert tokenizer.decode(tokens) == text.encode()
    assert tokenizer.token_bytes[tokens].sum() == len(text.encode())
    assert tokenizer.separator not in tokens


def test_bytes_are_separated_by_what_no_text_holds() -> None:
    tokenizer = open_tokenizer("bytes")
    assert (tokenizer.vocab_size, tokenizer.separator) == (256, 0)
    assert tokenizer.token_bytes.tolist() == [0, *[1] * 255]
    with pytest.raises(InputError, match="byte 0"):
        open_tokenizer("bytes", "</s>")


def test_a_separator_that_a_text_spells_out_is_ordinary_text(folder: Path) -> None:
    tokenizer = open_tokenizer(folder / "byte_level.json")
    (tokens,) = tokenizer.encode([b"a <|endoftext|> b"])
    assert tokenizer.separator not in tokens
    assert tokenizer.decode(tokens) == b"a <|endoftext|> b"


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Path]:
    byte_level("<s>", "<stop>", "</s>").save(str(tmp_path / "tokenizer.json"))
    return tmp_path / "tokenizer.json"


def test_the_separator_is_named_or_configured_or_usual(own: Path) -> None:
    assert open_tokenizer(own).separator_text == "</s>"
    config = own.with_name("tokenizer_config.json")
    for token in ("<stop>", {"content": "<stop>", "lstrip": False}):
        config.write_text(json.dumps({"eos_token": token}), encoding="utf-8")
        assert open_tokenizer(own).separator == 1
    assert open_tokenizer(own.parent, "<s>").separator == 0
    for text in ("[]", "{", '{"eos_token": null}'):
        config.write_text(text, encoding="utf-8")
        assert open_tokenizer(own).separator == 2


def test_a_tokenizer_without_a_separator_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    byte_level("<mask>").save(str(path))
    for separator, reason in ((None, "none of the usual ones"), ("fox", "'fox' is not a special")):
        with pytest.raises(InputError, match=reason) as caught:
            open_tokenizer(path, separator)
        assert caught.value.code == "E1402"
        assert "<mask>" in (caught.value.help or "")


def test_the_unknown_token_is_not_proposed_as_a_separator(tmp_path: Path) -> None:
    path = tmp_path / "tokenizer.json"
    words = Tokenizer(models.WordLevel({"a": 0, "[UNK]": 1}, "[UNK]"))
    words.add_special_tokens(["[UNK]"])
    for proposed in ("<|endoftext|>", "[MASK]"):
        words.save(str(path))
        with pytest.raises(InputError) as caught:
            open_tokenizer(path)
        said = caught.value.help or ""
        assert (proposed in said, "[UNK]" in said) == (True, False)
        words.add_special_tokens(["[MASK]"])


def test_added_tokens_count_with_their_text(own: Path) -> None:
    encoder = Tokenizer.from_file(str(own))
    encoder.add_tokens([AddedToken("    ", normalized=False), AddedToken("日本語")])
    encoder.save(str(own))
    tokenizer = open_tokenizer(own)
    (tokens,) = tokenizer.encode(["a    日本語".encode()])
    assert tokenizer.decode(tokens) == "a    日本語".encode()
    assert {4, 9} <= set(tokenizer.token_bytes[tokens].tolist())


def test_files_that_are_not_tokenizers(tmp_path: Path) -> None:
    (tmp_path / "text.json").write_text("{}", encoding="utf-8")
    (tmp_path / "cut.json").write_text(byte_level("</s>").to_str()[:1000], encoding="utf-8")
    for name, reason in (
        ("none.json", "No such file"),
        ("text.json", "is not a tokenizer.json"),
        ("cut.json", "is not a tokenizer.json"),
        ("", "No such file"),
    ):
        with pytest.raises(InputError, match=reason) as caught:
            open_tokenizer(tmp_path / name)
        assert caught.value.code == "E1401"


def test_truncation_padding_and_dropout_of_the_file_are_not_used(own: Path) -> None:
    encoder = Tokenizer.from_file(str(own))
    encoder.enable_truncation(4)
    encoder.enable_padding(length=64)
    encoder.model.dropout = 0.5
    encoder.save(str(own))
    tokenizer = open_tokenizer(own)
    runs = [tokenizer.encode([TEXT.encode(), b"a"]) for _ in range(3)]
    assert all(tokenizer.decode(tokens) == TEXT.encode() for tokens, _ in runs)
    assert all((run[0] == runs[0][0]).all() and len(run[1]) == 1 for run in runs)


def test_long_documents_are_cut_at_lines(own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_PIECE", 150)
    tokenizer = open_tokenizer(own)
    texts = [TEXT.encode(), b"x" * 1000, b"short", b""]
    found = tokenizer.encode(texts)
    assert [tokenizer.decode(tokens) for tokens in found] == texts
    monkeypatch.undo()
    assert (tokenizer.encode(texts)[0] == found[0]).all()


def test_a_corpus_of_another_tokenizer(own: Path, tmp_path: Path) -> None:
    text = tmp_path / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    made = prepare([text], tokenizer=own, cache=tmp_path / "c", validation=0.3, split_at="\n")
    assert made.vocab_size == open_tokenizer(own).vocab_size
    assert made.tokenizer.separator_text == "</s>"
    assert made.tokenizer_path is not None
    assert made.tokenizer_path.read_bytes() == own.read_bytes()
    assert made.train.bytes_per_token > 1.5
    assert made.train.text_bytes_of(made.train.read(0, made.train.tokens)) == made.train.text_bytes
    batch = Rows(made.train, 16, 0, "separate").batch(0, 3)
    begins = np.cumsum(batch.tokens_BS == made.tokenizer.separator, axis=1)
    assert (begins == batch.segments_BS).all()
    assert prepare([made.folder], tokenizer=made.tokenizer_path).identity == made.identity
    assert prepare([made.folder]).identity == made.identity
    other = prepare([text], cache=tmp_path / "c", validation=0.3, split_at="\n")
    assert other.folder != made.folder
    for folder, options in ((made.folder, {"separator": "<s>"}), (other.folder, {})):
        with pytest.raises(AiraError, match="made with another tokenizer") as caught:
            prepare([folder], tokenizer=own, **options)
        assert caught.value.code == "E1405"


def test_a_tokenizer_that_changes_text_counts_its_share(own: Path, tmp_path: Path) -> None:
    """Lower case of İ is three bytes for two: the tokens of all text stand for all of its bytes."""
    encoder = Tokenizer.from_file(str(own))
    encoder.normalizer = normalizers.Lowercase()
    encoder.save(str(own))
    text = tmp_path / "text.txt"
    text.write_text("İstanbul İzmir İ\n" * 10, encoding="utf-8")
    train = prepare([text], tokenizer=own, cache=tmp_path / "c", validation=0).train
    shard = train.stream.shards[0]
    assert shard.token_bytes > shard.text_bytes
    assert train.text_bytes_of(train.read(0, train.tokens)) == pytest.approx(train.text_bytes)
