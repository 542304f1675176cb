"""Retrieval: do two documents, each read byte by byte, belong together?

Pairs of papers of which one cites the other or not (AAN), or, as a stand-in, windows of Python
source files: class 1 if both are from one file, class 0 if they are from two files, of one package
or of two.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.lra.chosen import choose
from aira_dsl.data.lra.documents import Windows, source_documents
from aira_dsl.data.lra.readers.aan import NAME, Pair, aan_file, read_aan
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import SPLITS, Split, SplitName, padded


class RetrievalSettings(LraSettings):
    """Pairs of documents cut to `length` bytes each; inputs are (N, 2, L).

    Attributes:
        source: `aan`, with the splits of its files, or `stand-in`.
        packages: of the stand-in; installed ones that the sandbox of a candidate does not hold.
        apart: what differs in class 0 of the stand-in: the `file`, in one package, or the
            `package`, which needs two packages or more and is easier.
        data: folder that holds the .tsv files or tsv_data; empty for the default one.
        length: bytes of a document.
    """

    name: Literal["retrieval"] = "retrieval"
    source: Literal["aan", "stand-in"] = "aan"
    packages: Annotated[tuple[str, ...], Field(min_length=1)] = (
        "fontTools",
        "matplotlib",
        "sqlalchemy",
    )
    apart: Literal["file", "package"] = "file"
    data: str = ""
    length: Annotated[int, Field(strict=True, ge=16, le=1 << 14)] = 4000

    vocabulary = 256
    classes = 2

    @model_validator(mode="after")
    def _there_are_two(self) -> Self:
        if self.apart == "package" and len(self.packages) < 2:
            raise ValueError("`apart: package` needs two packages or more")
        return self

    @property
    def positions(self) -> int:
        """Bytes of a document."""
        return self.length

    @property
    def origin(self) -> str:
        """`aan`, or the stand-in."""
        if self.source == "aan":
            return NAME
        packages = ", ".join(self.packages)
        others = "two" if self.apart == "file" else "two packages"
        return f"stand-in: two pieces of Python source, of one file or {others} ({packages})"

    @property
    def files(self) -> list[Path]:
        """Files of the data set."""
        return [aan_file(self.data, split) for split in SPLITS] if self.source == NAME else []

    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield the splits.

        Raises:
            InputError: E0611 if there are too few pairs, E0620 if a package of the stand-in is not
                installed, E0653 if a file cannot be used.
            UsageError: E0652 if files are missing.
        """
        for number, split in enumerate(SPLITS):
            if self.source == "aan":
                yield split, self._papers(split)
            else:
                yield split, self._windows(split, np.random.default_rng((self.seed, number)))

    def _papers(self, split: SplitName) -> Split:
        pairs = [
            ((first[: self.length], second[: self.length]), label)
            for (first, second), label in read_aan(self.data, split)
        ]
        rows = choose(self.seed, len(pairs), self.counts[split], f"{self.origin} ({split})")
        return self._split([pairs[row] for row in rows])

    def _windows(self, split: SplitName, rng: np.random.Generator) -> Split:
        """Draw pairs; which package and how long a document is say nothing about the class."""
        documents = source_documents(self.packages)[split]
        sources = [
            Windows(documents.of(number), self.length, 2 * self.length)
            for number in range(len(self.packages))
        ]
        labels = rng.permutation(np.arange(self.counts[split]) % 2)
        pairs: list[Pair] = []
        for label in map(int, labels):
            number = int(rng.integers(len(sources)))
            source = sources[number]
            (document,) = source.documents(rng, 1)
            if label:
                pairs.append((source.cut_two(rng, document), label))
                continue
            other = source
            if self.apart == "package":
                other = sources[(number + int(rng.integers(1, len(sources)))) % len(sources)]
            (another,) = other.documents(rng, 1)
            while other.texts[another] == source.texts[document]:
                (another,) = other.documents(rng, 1)
            pairs.append(((source.cut(rng, document), other.cut(rng, another)), label))
        return self._split(pairs)

    def _split(self, pairs: list[Pair]) -> Split:
        sides = [
            padded([pair[side].replace(b"\0", b" ") for pair, _ in pairs], self.length)
            for side in (0, 1)
        ]
        return Split(
            np.stack([inputs_NL for inputs_NL, _ in sides], axis=1),
            np.stack([lengths_N for _, lengths_N in sides], axis=1),
            np.array([label for _, label in pairs], dtype=np.uint8),
        )
