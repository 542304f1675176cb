"""Tokenizer files beside an exported model, which `AutoTokenizer.from_pretrained` loads offline.

The byte tokenizer has the 256 bytes of UTF-8 as its vocabulary: the id of a byte is its value.
Byte 0 (NUL) ends a document; no text of the data pipeline holds it. It is an added token, so that
`decode(…, skip_special_tokens=True)` leaves it out. The other bytes have the printable characters
of GPT-2's byte-level vocabulary as names (Radford et al. 2019, `bytes_to_unicode`).
"""

import json
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

from aira_dsl.architecture import Architecture

TOKENIZER, SETTINGS = "tokenizer.json", "tokenizer_config.json"
BYTES = 256
END_OF_DOCUMENT = 0
"""Id of the byte that ends a document, of the byte tokenizer."""


@dataclass(frozen=True)
class TokenizerFiles:
    """A tokenizer to be written beside a model.

    Attributes:
        content: text of a tokenizer.json, the format of the package tokenizers.
        end_of_document: id of the token that ends a document; None if there is none.
        end_token: its text.
    """

    content: str
    end_of_document: int | None
    end_token: str | None


def default_tokenizer(architecture: Architecture) -> TokenizerFiles | None:
    """Return the byte tokenizer for a vocabulary of 256; other vocabularies say nothing."""
    return byte_tokenizer() if architecture.vocab == BYTES else None


def byte_tokenizer() -> TokenizerFiles:
    """Return the tokenizer whose ids are the bytes of UTF-8."""
    return TokenizerFiles(_dumped(_byte_level()), END_OF_DOCUMENT, chr(END_OF_DOCUMENT))


def write_tokenizer(folder: Path, tokenizer: TokenizerFiles) -> None:
    """Write tokenizer.json and tokenizer_config.json; raises OSError if they cannot be written."""
    end = tokenizer.end_token
    special = {} if end is None else {"eos_token": end, "pad_token": end}
    settings = {
        "tokenizer_class": "PreTrainedTokenizerFast",
        "clean_up_tokenization_spaces": False,
        **special,
    }
    (folder / TOKENIZER).write_text(tokenizer.content, encoding="utf-8")
    (folder / SETTINGS).write_text(_dumped(settings), encoding="utf-8")


def _dumped(content: dict[str, Any]) -> str:
    return json.dumps(content, indent=1) + "\n"


def _byte_level() -> dict[str, Any]:
    """Return the tokenizer.json of single bytes: byte-level BPE without merges."""
    byte_level = {
        "type": "ByteLevel",
        "add_prefix_space": False,
        "trim_offsets": True,
        "use_regex": False,
    }
    vocabulary = {name: byte for byte, name in enumerate(_byte_names())}
    end = {
        "id": END_OF_DOCUMENT,
        "content": chr(END_OF_DOCUMENT),
        "single_word": False,
        "lstrip": False,
        "rstrip": False,
        "normalized": False,
        "special": True,
    }
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [end],
        "normalizer": None,
        "pre_tokenizer": byte_level,
        "post_processor": None,
        "decoder": byte_level,
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [],
        },
    }


def _byte_names() -> list[str]:
    """Return the name of each byte; the added token has the character itself as its name."""
    printable = {*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)}
    others = count(BYTES)
    names = [chr(byte if byte in printable else next(others)) for byte in range(BYTES)]
    names[END_OF_DOCUMENT] = chr(END_OF_DOCUMENT)
    return names
