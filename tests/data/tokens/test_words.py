"""Encoding by words gives the tokens of the package, for every expression and any text."""

from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from tokenizers import AddedToken, Regex, Tokenizer, models, normalizers, pre_tokenizers, trainers

from aira_dsl.data.tokens import tokenizer as module
from aira_dsl.data.tokens import words as words_module
from aira_dsl.data.tokens.tokenizer import open_tokenizer
from aira_dsl.data.tokens.words import GPT2, KNOWN, word_encoder
from aira_dsl.design import bpe

TEXT = Path(words_module.__file__).read_text(encoding="utf-8")


def trained(split: str, end: str = "<|endoftext|>") -> Tokenizer:
    encoder = Tokenizer(models.BPE())
    plain = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    encoder.pre_tokenizer = (
        pre_tokenizers.ByteLevel(add_prefix_space=False)
        if split == GPT2
        else pre_tokenizers.Sequence([pre_tokenizers.Split(Regex(split), "isolated"), plain])
    )
    trainer = trainers.BpeTrainer(
        vocab_size=700,
        special_tokens=[end],
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    words = "don't DON'T we'll 123 4567 é ü\n\n" + "}\n/x " * 99  # `}\n/` becomes a token
    encoder.train_from_iterator([TEXT, TEXT.upper(), words], trainer)
    return encoder


@pytest.fixture(scope="module")
def encoders() -> dict[str, Tokenizer]:
    found = {name: trained(split) for name, split in KNOWN.items()}
    for encoder in found.values():
        encoder.encode_special_tokens = True
    return found


PARTS = st.sampled_from(
    ["\n", "\n\n", "\r\n", " ", "  ", "\t", "/", "'s", "'LL", "don't", "Word", "word", "WORD", "aB",
     "1", "1234", "}", "};\n", "\x1c", "\x0b", "\x85", "\u3000", "é", "É", "½", "日本", "ſ",
     "<|endoftext|>"]
)  # fmt: skip
TEXTS = st.lists(PARTS | st.characters(exclude_characters="\0", codec="utf-8"), max_size=40)


@pytest.mark.parametrize("name", KNOWN)
@given(parts=TEXTS)
@example(parts=["é}\n/x"])  # gpt4o: `}`, the line end and `/` are one word
@example(parts=["é\n\nx"])  # gpt2: the two line ends are two words
@settings(max_examples=100)
def test_tokens_are_those_of_the_package(
    encoders: dict[str, Tokenizer], name: str, parts: list[str]
) -> None:
    texts = ["".join(parts), "".join(filter(str.isascii, parts)), TEXT[:500]]
    encoder = encoders[name]
    by_words = word_encoder(encoder)
    assert by_words is not None
    others: list[str] = []

    def package(texts: list[str]) -> list[np.ndarray]:
        others.extend(texts)
        found = encoder.encode_batch_fast(texts, add_special_tokens=False)
        return [np.array(each.ids, np.uint32) for each in found]

    found = by_words.encode(texts, package)
    assert not any(text.isascii() for text in others)
    assert [tokens.tolist() for tokens in found] == [tokens.tolist() for tokens in package(texts)]


def test_a_full_dictionary_is_emptied(
    encoders: dict[str, Tokenizer], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(words_module, "_WORDS", 5)
    by_words = word_encoder(encoders["gpt2"])
    assert by_words is not None
    (found,) = by_words.encode(["a b c d e f g h i j"], lambda texts: [])
    assert found.tolist() == encoders["gpt2"].encode("a b c d e f g h i j").ids


def test_what_is_not_exact_is_left_to_the_package() -> None:
    assert word_encoder(trained(r"\s+|\w+")) is None
    added = trained(GPT2)
    added.add_tokens([AddedToken("word", normalized=False)])
    assert word_encoder(added) is None
    normalized = trained(GPT2)
    normalized.normalizer = normalizers.NFC()
    assert word_encoder(normalized) is None
    prefixed = trained(GPT2)
    prefixed.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=True)
    assert word_encoder(prefixed) is None


def test_the_expression_of_design_tasks_is_known() -> None:
    assert bpe._SPLIT in KNOWN.values()


@pytest.mark.parametrize("cores", [2, 64])
def test_the_number_of_cores_changes_no_token(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, cores: int
) -> None:
    trained(KNOWN["llama3"]).save(str(tmp_path / "tokenizer.json"))
    monkeypatch.setattr(module, "available_cores", lambda: cores)
    tokenizer = open_tokenizer(tmp_path)
    texts = [TEXT.encode(), "Ünï\ncode\nline\n".encode(), b"", b"plain"]
    expected = [tokenizer.encoder.encode(text.decode()).ids for text in texts]
    assert [tokens.tolist() for tokens in tokenizer.encode(texts)] == expected
