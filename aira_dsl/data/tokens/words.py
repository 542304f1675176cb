"""Byte-level tokenizers word by word: ASCII text from a dictionary, about four times as fast.

A byte-level tokenizer splits text into words by a regular expression and encodes each word by
itself. Text repeats words, so tokens are looked up here, and only a new word is encoded. Tokens are
exactly those of the package, because this is done only where it can be:

- The splitting is one of the known regular expressions, there is no normalizer, and no added token
  but special ones, which are ordinary text here.
- Lines with other than ASCII characters are left to the package, whose classes of letters and
  digits are those of another Unicode version. Text is cut there only at a line end between two
  characters that are neither spaces nor `/`: all these expressions end a word there.
"""

import json
import re
from collections.abc import Callable, Sequence
from itertools import chain, groupby
from typing import Any

import numpy as np
from numpy.typing import NDArray

Encode = Callable[[list[str]], list[NDArray[np.uint32]]]

_SUFFIX = r"(?i:'s|'t|'re|'ve|'m|'ll|'d)"
_REST = r"\s*[\r\n]+|\s+(?!\S)|\s+"
_UPPER, _LOWER = r"[\p{Lu}\p{Lt}\p{Lm}\p{Lo}\p{M}]", r"[\p{Ll}\p{Lm}\p{Lo}\p{M}]"
_BEFORE = r"[^\r\n\p{L}\p{N}]?"
GPT2 = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
"""The expression of `ByteLevel` with `use_regex`."""
KNOWN = {
    "gpt2": GPT2,
    **{
        name: rf"{_SUFFIX}|{_BEFORE}\p{{L}}+|{digits}| ?[^\s\p{{L}}\p{{N}}]+[\r\n]*|{_REST}"
        for name, digits in (("llama3", r"\p{N}{1,3}"), ("qwen2", r"\p{N}"))
    },
    **{
        name: rf"'(?i:[sdmt]|ll|ve|re)|{_BEFORE}+\p{{L}}+|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]++[\r\n]*|\s*[\r\n]|\s+(?!\S)|\s+"
        for name, digits in (("gpt4", r"\p{N}{1,3}"), ("nanochat", r"\p{N}{1,2}"))
    },
    **{
        name: rf"{_BEFORE}{_UPPER}*{_LOWER}+{suffix}|{_BEFORE}{_UPPER}+{_LOWER}*{suffix}|{digits}"
        rf"| ?[^\s\p{{L}}\p{{N}}]+[\r\n/]*|{_REST}"
        for name, suffix, digits in (
            ("gpt4o", f"{_SUFFIX}?", r"\p{N}{1,3}"),
            ("tekken", "", r"\p{N}"),
        )
    },
}
"""Expressions by a name of a model that uses them, as a tokenizer.json spells them."""

_CLASSES = {
    "L": "A-Za-z",
    "N": "0-9",
    "Lu": "A-Z",
    "Ll": "a-z",
    "Lt": "",
    "Lm": "",
    "Lo": "",
    "M": "",
}
_CUT = re.compile(r"(?<=[^\s]\n)(?=[^\s/])")
_WORDS, _LETTERS = 1 << 20, 64  # kept in the dictionary: words, and letters of one


def word_encoder(encoder: Any) -> "WordEncoder | None":
    """Return an encoder by words for a tokenizer of the package; None if it is not exact for it."""
    record = json.loads(encoder.to_str())
    split = _split_of(record["pre_tokenizer"])
    only_special = all(token["special"] for token in record["added_tokens"])
    if split is None or record["normalizer"] is not None or not only_special:
        return None
    return WordEncoder(split, encoder) if split in KNOWN.values() else None


class WordEncoder:
    """Encodes texts by looking words up.

    Args:
        split: expression that splits text into words, one of `KNOWN`.
        encoder: tokenizer of the package.
    """

    def __init__(self, split: str, encoder: Any) -> None:
        from tokenizers import Tokenizer, pre_tokenizers

        self._find = re.compile(ascii_pattern(split), re.ASCII).findall
        whole_words = Tokenizer.from_str(encoder.to_str())
        whole_words.encode_special_tokens = True
        whole_words.pre_tokenizer = pre_tokenizers.ByteLevel(False, use_regex=False)
        self._dictionary = _Dictionary(whole_words)

    def encode(self, texts: Sequence[str], encode: Encode) -> list[NDArray[np.uint32]]:
        """Return the tokens of each text.

        Args:
            texts: any text.
            encode: the package's encoding of a list of texts, for those that are not ASCII.
        """
        pieces = [_pieces(text) for text in texts]
        others = iter(encode([p for each in pieces for p in each if not p.isascii()]))
        return [
            np.concatenate([self._words(p) if p.isascii() else next(others) for p in each])
            for each in pieces
        ]

    def _words(self, text: str) -> NDArray[np.uint32]:
        tokens = chain.from_iterable(map(self._dictionary.__getitem__, self._find(text)))
        return np.fromiter(tokens, np.uint32)


class _Dictionary(dict[str, tuple[int, ...]]):
    """Tokens of words; emptied when it is full."""

    def __init__(self, encoder: Any) -> None:
        super().__init__()
        self._encoder = encoder

    def __missing__(self, word: str) -> tuple[int, ...]:
        tokens = tuple(self._encoder.encode(word, add_special_tokens=False).ids)
        if len(word) <= _LETTERS:
            if len(self) >= _WORDS:
                self.clear()
            self[word] = tokens
        return tokens


def ascii_pattern(split: str) -> str:
    r"""Return an expression of Python that splits ASCII text in the same way.

    `\p{L}` becomes `A-Za-z` inside of a class, `[A-Za-z]` outside of one, and so on.
    """
    found, inside = [], False
    for part in re.findall(r"\\p\{\w+\}|\\.|.", split):
        inside = part == "[" or (inside and part != "]")
        if part.startswith(r"\p"):
            letters = _CLASSES[part[3:-1]]
            part = letters if inside else f"[{letters}]"  # noqa: PLW2901
        found.append(part)
    return "".join(found)


def _split_of(record: Any) -> str | None:
    """Return the expression of a pre-tokenizer: ByteLevel alone, or after one Split."""
    match record:
        case {"type": "ByteLevel", "add_prefix_space": False, "use_regex": True}:
            return GPT2
        case {
            "type": "Sequence",
            "pretokenizers": [
                {
                    "type": "Split",
                    "pattern": {"Regex": str(split)},
                    "behavior": "Isolated",
                    "invert": False,
                },
                {"type": "ByteLevel", "add_prefix_space": False, "use_regex": False},
            ],
        }:
            return split
        case _:
            return None


def _pieces(text: str) -> list[str]:
    """Cut a text into parts that are ASCII and parts that are not."""
    if text.isascii():
        return [text]
    return ["".join(part) for _, part in groupby(_CUT.split(text), str.isascii)]
