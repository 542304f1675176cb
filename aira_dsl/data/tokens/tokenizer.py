"""Tokenizers: bytes, or a `tokenizer.json` of the package tokenizers.

One token separates documents. It begins every document and so also ends the one before: a model
learns from it to end a text, and starts from it to write one. Of the bytes it is 0, which no text
holds, so that the vocabulary stays at 256.

Every token counts with its raw bytes. Decoding a token to text and encoding it again is wrong: a
token with half of a character decodes to U+FFFD, three bytes.
"""

import hashlib
import json
import re
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.tokens.words import WordEncoder, word_encoder
from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.extras import install_command
from aira_dsl.utils.machine import available_cores

BYTES = "bytes"

_SEPARATORS = (
    "<|endoftext|>", "<|end_of_text|>", "</s>", "<eos>", "<|eos|>", "<|end▁of▁sentence|>",
    "<|im_end|>", "[EOS]", "[SEP]",
)  # fmt: skip
_LINE_END = re.compile(r"\S\n(?=[^\s/])")
_FEW_CORES = 4
_PIECE = 1 << 20  # characters: the package needs about a hundred bytes of memory for each


@dataclass(frozen=True)
class Tokenizer(ABC):
    """What turns text into tokens.

    Attributes:
        kind: `bytes` or `tokenizer.json`.
        sha256: of the file; of `bytes`, the word.
        vocab_size: largest token id plus one.
        separator: id of the token between documents.
        separator_text: how the vocabulary spells it; None for bytes.
        content: the file; None for bytes.
    """

    kind: str
    sha256: str
    vocab_size: int
    separator: int
    separator_text: str | None
    content: bytes | None

    @property
    @abstractmethod
    def tokens(self) -> tuple[bytes, ...]:
        """Raw bytes of every token by its id; empty for tokens that stand for no text."""

    @abstractmethod
    def encode(self, texts: Sequence[bytes]) -> list[NDArray[Any]]:
        """Return the token ids of each text (UTF-8), without separators."""

    def decode(self, tokens: NDArray[Any]) -> bytes:
        """Return the raw bytes of tokens; separators are left out."""
        return b"".join(self.tokens[token] for token in tokens.tolist())

    @cached_property
    def token_bytes(self) -> NDArray[np.int64]:
        """How many bytes each token stands for, (V,)."""
        return np.array([len(token) for token in self.tokens], np.int64)


@dataclass(frozen=True)
class ByteTokenizer(Tokenizer):
    """Every byte is a token; byte 0 separates documents."""

    kind: str = BYTES
    sha256: str = hashlib.sha256(BYTES.encode()).hexdigest()
    vocab_size: int = 256
    separator: int = 0
    separator_text: str | None = None
    content: bytes | None = None

    @cached_property
    def tokens(self) -> tuple[bytes, ...]:
        """Raw bytes of every token."""
        return (b"", *(bytes([byte]) for byte in range(1, 256)))

    def encode(self, texts: Sequence[bytes]) -> list[NDArray[Any]]:
        """Return the bytes of each text."""
        return [np.frombuffer(text, np.uint8) for text in texts]


@dataclass(frozen=True)
class JsonTokenizer(Tokenizer):
    """A `tokenizer.json`; special tokens that a text spells out are read as ordinary text."""

    encoder: Any

    @cached_property
    def tokens(self) -> tuple[bytes, ...]:
        """Raw bytes of every token."""
        names = {number: name for name, number in self.encoder.get_vocab().items()}
        added = {
            number: b"" if token.special else token.content.encode()
            for number, token in self.encoder.get_added_tokens_decoder().items()
        }
        spelled = _spelling(json.loads(self.encoder.to_str()))
        return tuple(
            added[number] if number in added else spelled(names.get(number, ""))
            for number in range(self.vocab_size)
        )

    def encode(self, texts: Sequence[bytes]) -> list[NDArray[Any]]:
        """Return the token ids of each text."""
        decoded = [text.decode() for text in texts]
        # The package uses all cores, looking words up uses one at four times its speed.
        if available_cores() <= _FEW_CORES and (words := self._words) is not None:
            return words.encode(decoded, self._encode)
        return self._encode(decoded)

    @cached_property
    def _words(self) -> WordEncoder | None:
        return word_encoder(self.encoder)

    def _encode(self, texts: list[str]) -> list[NDArray[np.uint32]]:
        pieces = [_pieces(text) for text in texts]
        encoded = self.encoder.encode_batch_fast(
            [piece for each in pieces for piece in each], add_special_tokens=False
        )
        ids = iter([np.array(each.ids, np.uint32) for each in encoded])
        return [np.concatenate([next(ids) for _ in each]) for each in pieces]


def open_tokenizer(name: str | Path, separator: str | None = None) -> Tokenizer:
    """Return a tokenizer.

    Args:
        name: `bytes`, or a tokenizer.json, or a folder with one.
        separator: token between documents; by default the `eos_token` of a tokenizer_config.json
            beside the file, or else the first common one in the vocabulary.

    Raises:
        InputError: E1401, the file is missing or is not a tokenizer; E1402, no token separates
            documents.
        UsageError: E1403, the package tokenizers is not installed.
    """
    if str(name) == BYTES:
        if separator is not None:
            raise InputError(
                "E1402",
                "the byte vocabulary separates documents by byte 0, a separator cannot be chosen",
                help="leave the separator out",
            )
        return ByteTokenizer()
    path = Path(name) / "tokenizer.json" if Path(name).is_dir() else Path(name)
    try:
        data = path.read_bytes()
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
        raise _not_a_tokenizer(path, reason) from error
    return _json_tokenizer(path, data, separator)


def _json_tokenizer(path: Path, data: bytes, separator: str | None) -> JsonTokenizer:
    try:
        import tokenizers
    except ImportError as error:
        raise UsageError(
            "E1403",
            f"{path} cannot be used: it needs the package tokenizers, which is not installed",
            help=install_command("tokens"),
        ) from error
    try:
        encoder = tokenizers.Tokenizer.from_buffer(data)
    except Exception as error:  # the package raises nothing more exact
        raise _not_a_tokenizer(path, f"is not a tokenizer.json: {error}") from error
    encoder.no_truncation()
    encoder.no_padding()
    encoder.encode_special_tokens = True
    if getattr(encoder.model, "dropout", None):
        encoder.model.dropout = None  # the same text gives the same tokens
    text = _separator_of(path, encoder, separator)
    return JsonTokenizer(
        kind="tokenizer.json",
        sha256=hashlib.sha256(data).hexdigest(),
        vocab_size=max(encoder.get_vocab().values()) + 1,
        separator=encoder.get_vocab()[text],
        separator_text=text,
        content=data,
        encoder=encoder,
    )


def _separator_of(path: Path, encoder: Any, wanted: str | None) -> str:
    added = {token.content for token in encoder.get_added_tokens_decoder().values()}
    names = (wanted,) if wanted is not None else (_configured(path), *_SEPARATORS)
    for name in names:
        if name is not None and name in added:
            return name
    unknown = getattr(encoder.model, "unk_token", None)  # it stands for ordinary text, too
    others = sorted(added - {unknown})
    what = f"{wanted!r} is not a special token of it" if wanted else "it has none of the usual ones"
    raise InputError(
        "E1402",
        f"{path} has no token to separate documents: {what}",
        help=f"name a special token with --separator, such as {others[0]}"
        if others
        else "add one to the tokenizer, such as <|endoftext|>",
    )


def _configured(path: Path) -> str | None:
    """Return the end-of-text token that a tokenizer_config.json beside the file names."""
    try:
        config = json.loads((path.parent / "tokenizer_config.json").read_bytes())
    except (OSError, ValueError):
        return None
    token = config.get("eos_token") if isinstance(config, dict) else None
    name = token.get("content") if isinstance(token, dict) else token
    return name if isinstance(name, str) else None


def _not_a_tokenizer(path: Path, reason: str) -> InputError:
    return InputError("E1401", f"{path} {reason}", help="give bytes, or a tokenizer.json")


def _pieces(text: str) -> list[str]:
    """Cut a long text at line ends between two words, where most tokenizers split anyway."""
    pieces: list[str] = []
    start = 0
    while len(text) - start > _PIECE:
        ends = [found.end() for found in _LINE_END.finditer(text, start, start + _PIECE)]
        end = ends[-1] if ends else start + _PIECE
        pieces.append(text[start:end])
        start = end
    return [*pieces, text[start:]]


class _ByteLevel:
    """Spelling of byte-level tokens: a letter for each byte."""

    def __init__(self) -> None:
        self._bytes = byte_of_letter()

    def __call__(self, name: str) -> bytes:
        if all(letter in self._bytes for letter in name):
            return bytes(self._bytes[letter] for letter in name)
        return name.encode()


def _of_words(name: str) -> bytes:
    """Spelling of the others: `<0x0A>` is a byte, `▁` a space, `##` continues a word."""
    if len(name) == 6 and name.startswith("<0x") and name.endswith(">"):
        return bytes([int(name[3:5], 16)])
    return name.removeprefix("##").replace("▁", " ").encode()


def _spelling(record: Mapping[str, Any]) -> Any:
    parts = [record.get(part) for part in ("decoder", "pre_tokenizer", "normalizer")]
    return _ByteLevel() if '"ByteLevel"' in json.dumps(parts) else _of_words


def byte_of_letter() -> dict[str, int]:
    """Return the byte for which each letter stands in the names of byte-level tokens.

    Printable bytes stand for themselves, the others are letters from U+0100 on, in their order.
    """
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [byte for byte in range(256) if byte not in printable]
    letters = {chr(byte): byte for byte in printable}
    return letters | {chr(256 + place): byte for place, byte in enumerate(others)}
