"""Shards: files with the tokens of consecutive documents, and with where each document ends.

    FOLDER/train/00000.tokens.bin     tokens, little-endian, the smallest type that holds their ids
    FOLDER/train/00000.ends.bin       end of each document in the file, in tokens, uint64
    FOLDER/validation/00000.tokens.bin …

A shard is written in one step when it is full, and no document lies across two shards. A reader
maps them, so that many processes share one copy in memory.
"""

import hashlib
from bisect import bisect_right
from dataclasses import dataclass, field
from functools import cache, cached_property
from itertools import accumulate
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict

from aira_dsl.errors import InputError
from aira_dsl.utils.files import write_atomically

SplitName = Literal["train", "validation"]
SPLITS: tuple[SplitName, ...] = ("train", "validation")

_ENDS = np.dtype("<u8")


class Shard(BaseModel):
    """Record of one shard.

    Attributes:
        tokens: number of tokens, separators included.
        documents: number of documents.
        text_bytes: bytes of the documents' text.
        token_bytes: bytes that the tokens stand for; equal to `text_bytes` unless the tokenizer
            changes text.
        sha256: of the file of tokens.
        ends_sha256: of the file of document ends.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    tokens: int
    documents: int
    text_bytes: int
    token_bytes: int
    sha256: str
    ends_sha256: str


def token_type(vocab_size: int) -> np.dtype[Any]:
    """Return the smallest unsigned type that holds the ids of a vocabulary."""
    return np.min_scalar_type(vocab_size - 1).newbyteorder("<")


def files_of(folder: Path, split: SplitName, number: int) -> tuple[Path, Path]:
    """Return the paths of a shard's tokens and document ends."""
    return (
        folder / split / f"{number:05d}.tokens.bin",
        folder / split / f"{number:05d}.ends.bin",
    )


@dataclass
class ShardWriter:
    """Collects the documents of one shard.

    Attributes:
        kind: type of the tokens.
    """

    kind: np.dtype[Any]
    _documents: list[NDArray[Any]] = field(default_factory=list)
    _tokens: int = 0
    _text_bytes: int = 0
    _token_bytes: int = 0

    @property
    def size(self) -> int:
        """Bytes of tokens that wait to be written."""
        return self._tokens * self.kind.itemsize

    def add(self, tokens: NDArray[Any], *, text_bytes: int, token_bytes: int) -> None:
        """Add the tokens of a document, its separator first."""
        self._documents.append(tokens.astype(self.kind))
        self._tokens += len(tokens)
        self._text_bytes += text_bytes
        self._token_bytes += token_bytes

    def write(self, folder: Path, split: SplitName, number: int) -> Shard:
        """Write the shard; an old file of that number is replaced.

        Raises:
            RunError: E0904, it cannot be written.
        """
        tokens = np.concatenate([np.zeros(0, self.kind), *self._documents]).tobytes()
        ends = np.cumsum([len(each) for each in self._documents], dtype=_ENDS).tobytes()
        for path, data in zip(files_of(folder, split, number), (tokens, ends), strict=True):
            write_atomically(path, data)
        return Shard(
            tokens=len(tokens) // self.kind.itemsize,
            documents=len(self._documents),
            text_bytes=self._text_bytes,
            token_bytes=self._token_bytes,
            sha256=hashlib.sha256(tokens).hexdigest(),
            ends_sha256=hashlib.sha256(ends).hexdigest(),
        )


@dataclass(frozen=True)
class TokenStream:
    """The tokens of one split, one shard after another.

    Attributes:
        folder: of the corpus.
        name: the split.
        shards: records of its shards.
        kind: type of the tokens.
    """

    folder: Path
    name: SplitName
    shards: tuple[Shard, ...]
    kind: np.dtype[Any]

    @cached_property
    def starts(self) -> list[int]:
        """Where each shard begins, and the number of all tokens at the end."""
        return list(accumulate((shard.tokens for shard in self.shards), initial=0))

    def read(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the tokens from `start` up to `stop`."""
        parts = [
            _mapped(files_of(self.folder, self.name, number)[0], self.kind)[a:b]
            for number, a, b in self._parts(start, stop)
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def document_starts(self, start: int, stop: int) -> NDArray[np.int64]:
        """Return the places from `start` up to `stop` where documents begin, less `start`."""
        found = [np.zeros(0, np.int64)]
        for number, a, b in self._parts(start, stop):
            ends = _mapped(files_of(self.folder, self.name, number)[1], _ENDS)
            # A document begins where the one before ends, the first of a shard at 0.
            low, high = np.searchsorted(ends, (max(a, 1), b))
            begins = np.array([0] * (a == 0) + ends[low:high].tolist(), np.int64)
            found.append(begins + (self.starts[number] - start))
        return np.concatenate(found)

    def check(self, *, content: bool) -> None:
        """Compare the files with their records.

        Args:
            content: compare checksums, too; that reads every file.

        Raises:
            InputError: E1404, a file is missing, has another size or another content.
        """
        for number, shard in enumerate(self.shards):
            tokens, ends = files_of(self.folder, self.name, number)
            _check(tokens, shard.tokens * self.kind.itemsize, shard.sha256 if content else None)
            _check(ends, shard.documents * 8, shard.ends_sha256 if content else None)

    def _parts(self, start: int, stop: int) -> list[tuple[int, int, int]]:
        """Return (shard, from, to) for a range of tokens; empty shards are left out."""
        parts = []
        number = bisect_right(self.starts, start) - 1
        while start < stop:
            base, end = self.starts[number], self.starts[number + 1]
            if (last := min(stop, end)) > start:
                parts.append((number, start - base, last - base))
                start = last
            number += 1
        return parts


@cache
def _mapped(path: Path, kind: np.dtype[Any]) -> NDArray[Any]:
    """Map a file that is not empty; outside of the stream, which is copied to other processes."""
    return np.memmap(path, kind, mode="r")


def _check(path: Path, size: int, sha256: str | None) -> None:
    try:
        if (found := path.stat().st_size) != size:
            raise damaged(path, f"it has {found:,} bytes instead of {size:,}")
        if sha256 is not None:
            with path.open("rb") as file:
                if hashlib.file_digest(file, "sha256").hexdigest() != sha256:
                    raise damaged(path, "its checksum is wrong")
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error


def damaged(path: Path, reason: str) -> InputError:
    """Return the error for a prepared corpus that cannot be used."""
    return InputError(
        "E1404",
        f"the prepared corpus is damaged: {path}: {reason}",
        help="delete the folder of the corpus; it is made again from the text",
    )
