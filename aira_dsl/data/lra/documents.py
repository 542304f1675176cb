"""Stand-in for text data sets: windows of Python source files, which every machine has.

A document is a file. Equal files are kept once; of every ten documents, in an order that their
hashes give, the fifth is validation, the tenth is test, so no document is in two splits.

Shapes: N windows of L bytes.
"""

import hashlib
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from aira_dsl.data.lra.split import SplitName
from aira_dsl.data.text.named import package_documents
from aira_dsl.errors import InputError

_BYTES = 8 << 20  # text that is read of each package
_TURN: tuple[SplitName, ...] = (*4 * ("train",), "validation", *4 * ("train",), "test")


@dataclass(frozen=True)
class Documents:
    """Documents of one split, each with the number of the package that it comes from."""

    texts: tuple[bytes, ...]
    packages: tuple[int, ...]

    def of(self, package: int) -> list[bytes]:
        """Return the documents of one package."""
        return [
            text for text, each in zip(self.texts, self.packages, strict=True) if each == package
        ]


@lru_cache(maxsize=2)
def source_documents(packages: tuple[str, ...]) -> dict[SplitName, Documents]:
    """Read the Python files of packages and divide them.

    Raises:
        InputError: E0620 if a package is not installed.
    """
    found: dict[bytes, tuple[bytes, int]] = {}
    for number, package in enumerate(packages):
        texts = list(package_documents(package, _BYTES))
        if not texts:
            raise InputError(
                "E0620",
                f"the stand-in needs Python files of {package}, which is not installed",
                help=f"install {package}, or use the data set of the task",
            )
        for text in texts:
            found.setdefault(hashlib.sha256(text).digest(), (text, number))
    parts: dict[SplitName, list[tuple[bytes, int]]] = {"train": [], "validation": [], "test": []}
    for place, digest in enumerate(sorted(found)):
        parts[_TURN[place % len(_TURN)]].append(found[digest])
    return {
        split: Documents(tuple(each[0] for each in part), tuple(each[1] for each in part))
        for split, part in parts.items()
    }


class Windows:
    """Draws windows of L bytes from documents, long documents more often.

    Args:
        texts: the documents; those without `room` bytes are left out.
        length: L, bytes of a window.
        room: bytes that a document must have, L by default.
    """

    def __init__(self, texts: list[bytes], length: int, room: int | None = None) -> None:
        room = room or length
        self.texts = [text for text in texts if len(text) >= room and b"\0" not in text]
        self.length = length
        self.places = np.array([len(text) - length + 1 for text in self.texts])
        if not self.texts:
            raise InputError(
                "E0620",
                f"the stand-in has no document of {room:,} bytes",
                help="choose a smaller length",
            )

    def documents(self, rng: np.random.Generator, count: int) -> list[int]:
        """Draw documents, each with a probability that its places give."""
        chances = self.places / self.places.sum()
        return list(map(int, rng.choice(len(self.texts), size=count, p=chances)))

    def cut(self, rng: np.random.Generator, document: int) -> bytes:
        """Return a window at a random place of a document."""
        start = int(rng.integers(self.places[document]))
        return self.texts[document][start : start + self.length]

    def cut_two(self, rng: np.random.Generator, document: int) -> tuple[bytes, bytes]:
        """Return two windows of a document of at least 2L bytes that share no byte."""
        spare = len(self.texts[document]) - 2 * self.length
        first, second = sorted(rng.integers(spare + 1, size=2))
        second += self.length
        text = self.texts[document]
        pair = text[first : first + self.length], text[second : second + self.length]
        return pair if rng.integers(2) else pair[::-1]
