"""Data of language-modelling tasks: text as tokens, divided, with the bytes of every token.

    train/tokens.bin    documents one after another, uint16; each begins with the token BOS
    train/ends.bin      where each of them ends, uint64
    validation/windows.npy, test/windows.npy    rows (W, T + 1) to score, uint16
    validation/bytes.npy, test/bytes.npy        bytes (V,) of every token, int64

Two sources: bytes of a local corpus, and BPE tokens of the ClimbMix shards that
karpathy/autoresearch trains on.
"""

import os
from collections.abc import Iterable, Iterator, Mapping
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.text.corpus import load_corpus
from aira_dsl.data.text.files import read_documents
from aira_dsl.data.text.named import CORPORA
from aira_dsl.design import bpe
from aira_dsl.design.data import DataFolder
from aira_dsl.design.harness.packing import pack
from aira_dsl.design.judge import byte_table
from aira_dsl.errors import InputError, UsageError

Settings = Mapping[str, Any]
Tokens = NDArray[np.uint16]

VERSION = 1
"""Raised when this file, `bpe`, or what they call makes other data of the same text and seed."""

SHARDS_VARIABLE = "AIRA_DSL_CLIMBMIX"
"""Environment variable with the folder of the shards; else the one of karpathy/autoresearch."""

_ALL = 1 << 60  # bytes: no limit
_BATCH = 1_000  # documents that are tokenized at a time
_TOKENIZER_CHARACTERS, _TOKENIZER_DOCUMENT = 1_000_000_000, 10_000  # in all, and of a document


def made_from(settings: Settings) -> list[str | Path]:
    """Return what data are made from beside their settings (`aira_dsl.design.data`).

    The text of a corpus of installed packages counts by its name: it may change a little with them.

    Raises:
        UsageError: E1241, shards are missing.
    """
    code = f"language data {VERSION}"
    if settings["tokenizer"] != "bytes":
        train, validation = _shards(settings)
        return [code, *train, validation]
    corpus = settings["corpus"]
    return [code] if corpus in CORPORA else [code, Path(corpus)]


def write_bytes(settings: Settings, data: DataFolder) -> None:
    """Write a corpus as bytes: every document is BOS and `max_seq_len` bytes.

    The pieces of each split are in an order drawn from the data's seed, as are the splits.

    Args:
        settings: `corpus`, `max_seq_len`, `bos`, `eval_tokens`.
        data: where to write.

    Raises:
        InputError: E0620, too little text.
    """
    corpus = load_corpus([settings["corpus"]], seed=data.seed)
    random = np.random.default_rng(data.seed)
    train, validation, test = (
        random.permutation(_rows(text, settings))
        for text in (corpus.train, corpus.validation, corpus.test)
    )
    _write_train(data, train)
    most = settings["eval_tokens"] // settings["max_seq_len"]
    table = byte_table.of_bytes(special=1)
    for folder, rows in ((data.validation, validation), (data.test, test)):
        _write_windows(folder, rows[:most], table)


def _rows(text: bytes, settings: Settings) -> Tokens:
    """Cut a text into rows (W, T + 1) that begin with BOS; the rest at the end is left out."""
    length = settings["max_seq_len"]
    whole = len(text) // length * length
    rows_WT = np.frombuffer(text, np.uint8, whole).reshape(-1, length).astype(np.uint16)
    return np.pad(rows_WT, ((0, 0), (1, 0)), constant_values=settings["bos"])


def write_shards(settings: Settings, data: DataFolder) -> None:
    """Write shards of ClimbMix as BPE tokens; validation and test are parts of the last shard.

    Args:
        settings: `train_shards`, `validation_shard`, `max_seq_len`, `vocab_size`, `bos`,
            `eval_tokens`.
        data: where to write.

    Raises:
        UsageError: E1241, shards or the package tokenizers are missing.
        InputError: E1242, too little text; E0615 to E0619, a shard cannot be read.
    """
    train, validation = _shards(settings)
    tokenizer = bpe.train(_tokenizer_text(train), vocabulary=settings["bos"])
    _write_train(data, _documents(train, tokenizer, settings["bos"]))
    rows = pack(_documents([validation], tokenizer, settings["bos"]), settings["max_seq_len"] + 1)
    specials = range(settings["bos"], settings["vocab_size"])
    table = byte_table.of_tokens([*tokenizer.bytes, *(b"" for _ in specials)], special=specials)
    for folder in (data.validation, data.test):
        windows = list(islice(rows, settings["eval_tokens"] // settings["max_seq_len"]))
        if not windows:
            raise InputError(
                "E1242", f"{validation} has too little text for {folder.name}", help="get it again"
            )
        _write_windows(folder, np.stack(windows), table)


def _shards(settings: Settings) -> tuple[list[Path], Path]:
    """Return the training shards that are there, and the validation shard."""
    given = os.environ.get(SHARDS_VARIABLE)
    folder = Path(given) if given else Path.home() / ".cache" / "autoresearch" / "data"
    train = [folder / _name(number) for number in range(settings["train_shards"])]
    validation = folder / _name(settings["validation_shard"])
    missing = [path.name for path in (*train, validation) if not path.is_file()]
    if missing:
        raise UsageError(
            "E1241",
            f"{folder} lacks {len(missing)} of {len(train) + 1} shards: {', '.join(missing[:3])}"
            + (", …" if len(missing) > 3 else ""),
            help="put the files of the dataset karpathy/climbmix-400b-shuffle there, or set "
            f"{SHARDS_VARIABLE} to the folder that has them",
        )
    return train, validation


def _name(number: int) -> str:
    return f"shard_{number:05d}.parquet"


def _tokenizer_text(shards: list[Path]) -> Iterator[str]:
    """Yield the beginnings of documents, up to the limit of characters."""
    left = _TOKENIZER_CHARACTERS
    for document in read_documents(shards, _ALL):
        text = document.decode()[:_TOKENIZER_DOCUMENT]
        yield text
        left -= len(text)
        if left <= 0:
            return


def _documents(shards: list[Path], tokenizer: bpe.Tokenizer, bos: int) -> Iterator[Tokens]:
    """Yield the tokens of every document, BOS first."""
    texts = (document.decode() for document in read_documents(shards, _ALL))
    while batch := list(islice(texts, _BATCH)):
        for tokens in tokenizer.encode(batch):
            yield np.concatenate((np.array([bos], np.uint16), tokens))


def _write_train(data: DataFolder, documents: Iterable[Tokens]) -> None:
    ends, total = [], 0
    with (data.train / "tokens.bin").open("wb") as file:
        for document in documents:
            file.write(document.tobytes())
            total += len(document)
            ends.append(total)
    (data.train / "ends.bin").write_bytes(np.array(ends, np.uint64).tobytes())


def _write_windows(folder: Path, rows: Tokens, table: byte_table.Bytes) -> None:
    np.save(folder / "windows.npy", rows)
    np.save(folder / "bytes.npy", table)
