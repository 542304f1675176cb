"""Text for byte-level language modelling: what is read, and how it is divided.

A corpus is read from files (`files`) or is one of the named ones that need no download (`named`).

Text is divided before any window is cut, and in the same way for every seed, so that no test text
is ever trained on:

1. Equal documents are kept once. Documents are packed into regions of about a hundredth of the
   text (4 to 64 KiB; at least ten regions; longer documents are cut).
2. Of every ten regions in a row the fifth is validation, the tenth is test, the others are train.
   The regions of a split are joined by an empty line.
3. A passage of 50 bytes or more that two splits share is removed from the larger one
   (`overlap`): from validation if test has it, from train if validation or test has it.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import pairwise
from pathlib import Path
from typing import Literal

from aira_dsl.data.text.files import find_files, read_documents
from aira_dsl.data.text.named import CORPORA, DEFAULT
from aira_dsl.data.text.overlap import without_shared
from aira_dsl.errors import InputError

SplitName = Literal["train", "validation", "test"]

MAX_BYTES = 64 << 20
"""Bytes of text held by default; of larger corpora an evenly spread sample is read."""

_SEPARATOR = b"\n\n"
_REGION = (4 << 10, 64 << 10)
_TURN: tuple[SplitName, ...] = (*4 * ("train",), "validation", *4 * ("train",), "test")


@dataclass(frozen=True)
class Corpus:
    """Text of three splits that share no passage of 50 bytes.

    Attributes:
        name: where it comes from, for messages and reports.
        train: UTF-8 bytes, about 80 % of the text less what the other splits share with it.
        validation: about 10 %, less what test shares with it.
        test: about 10 %.
    """

    name: str
    train: bytes
    validation: bytes
    test: bytes

    def text(self, split: SplitName) -> bytes:
        """Return the bytes of one split."""
        return {"train": self.train, "validation": self.validation, "test": self.test}[split]

    @cached_property
    def sha256(self) -> str:
        """Hash of the text of all splits, in hexadecimal: the corpus's identity."""
        digest = hashlib.sha256()
        for part in (self.train, self.validation, self.test):
            digest.update(len(part).to_bytes(8, "big") + part)
        return digest.hexdigest()


def load_corpus(
    paths: Sequence[str | Path] = (), *, max_bytes: int = MAX_BYTES, seed: int | None = None
) -> Corpus:
    """Read and divide text. The last corpus is kept, for as long as its files do not change.

    Args:
        paths: `.txt`, `.jsonl` (one object a line, its "text"), `.parquet` (column "text"; needs
            pyarrow), folders of these, or one name of `aira_dsl.data.text.named.CORPORA`; empty
            for the default corpus.
        max_bytes: bytes of text to read at most. Each file gets its share by size; a file that
            holds more is read in pieces, evenly spread over it. Memory stays a few times this.
        seed: which documents a split gets, as in `divide`.

    Raises:
        InputError: E0613 no such path, E0614 nothing of a known kind, E0615 unreadable, E0616 not
            text, E0617 a bad .jsonl line, E0619 a bad .parquet file, E0620 too little text.
        UsageError: E0618 if reading needs a package that is not installed.
    """
    names = tuple(map(str, paths)) or (DEFAULT,)
    if len(names) == 1 and names[0] in CORPORA and not Path(names[0]).exists():
        return _named(names[0], max_bytes, seed)
    files = find_files([Path(name) for name in names])
    states = tuple((file, file.stat().st_size, file.stat().st_mtime_ns) for file in files)
    return _read(", ".join(names), states, max_bytes, seed)


@lru_cache(maxsize=1)
def _named(name: str, max_bytes: int, seed: int | None) -> Corpus:
    return divide(CORPORA[name](max_bytes), name=name, seed=seed)


@lru_cache(maxsize=1)
def _read(
    name: str, states: tuple[tuple[Path, int, int], ...], max_bytes: int, seed: int | None
) -> Corpus:
    """Read files whose size and time of change are part of the key."""
    files = [file for file, _, _ in states]
    return divide(read_documents(files, max_bytes), name=name, seed=seed)


def divide(documents: Iterable[bytes], *, name: str, seed: int | None = None) -> Corpus:
    """Divide documents 80/10/10 into the splits of a corpus, and remove what splits share.

    Args:
        documents: UTF-8 bytes.
        name: of the corpus.
        seed: documents are divided in the order of a hash of the seed and their text, so that
            which text is in which split cannot be known without it; None keeps their order.

    Raises:
        InputError: E0620 if the text is too little for ten regions, or nothing of a split is left.
    """
    kept = _without_repeats(documents)
    if seed is not None:
        key = str(seed).encode()[:64]
        kept.sort(key=lambda text: hashlib.blake2b(text, key=key).digest())
    total = sum(map(len, kept))
    size = max(1, min(max(total // 100, _REGION[0]), _REGION[1], total // 10))
    parts: dict[SplitName, list[bytes]] = {"train": [], "validation": [], "test": []}
    for number, region in enumerate(_regions(kept, size)):
        parts[_TURN[number % len(_TURN)]].append(region)
    parts["validation"] = without_shared(parts["validation"], parts["test"])
    parts["train"] = without_shared(parts["train"], [*parts["validation"], *parts["test"]])
    if not all(parts.values()):
        raise InputError(
            "E0620",
            f"the corpus {name} has {total:,} bytes of text, too little to divide in three splits "
            "that share no passage",
            help="give more text",
        )
    return Corpus(name, **{split: _SEPARATOR.join(texts) for split, texts in parts.items()})


def _without_repeats(documents: Iterable[bytes]) -> list[bytes]:
    """Drop blank documents and all but the first of equal ones."""
    seen: set[bytes] = set()
    kept: list[bytes] = []
    for document in documents:
        digest = hashlib.sha256(document).digest()
        if document.strip() and digest not in seen:
            seen.add(digest)
            kept.append(document)
    return kept


def _regions(documents: list[bytes], size: int) -> Iterable[bytes]:
    """Pack short documents and cut long ones, so that no region is longer than `size`."""
    packed: list[bytes] = []
    length = 0
    for document in documents:
        if packed and length + len(document) > size:
            yield _SEPARATOR.join(packed)
            packed, length = [], 0
        if len(document) > size:
            pieces = -(-len(document) // size)
            edges = [piece * len(document) // pieces for piece in range(pieces + 1)]
            yield from (document[a:b] for a, b in pairwise(edges))
        else:
            packed.append(document)
            length += len(document)
    if packed:
        yield _SEPARATOR.join(packed)
