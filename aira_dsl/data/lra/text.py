"""Text: the class of a document, read byte by byte.

IMDB reviews with their sentiment, or one of two stand-ins made of Python source files: which of two
packages a window comes from, or whether its lines are in their order. Equal bytes with lines in
another order make the second one impossible for a model that only counts bytes.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.lra.chosen import choose
from aira_dsl.data.lra.documents import Windows, source_documents
from aira_dsl.data.lra.readers.imdb import NAME, imdb_files, read_imdb
from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import SPLITS, Split, SplitName, padded

_LINES = 5  # whole lines that a window must have to be shuffled


class TextSettings(LraSettings):
    """Documents cut to `length` bytes.

    Attributes:
        source: `imdb`: train and validation are drawn from its training half, test from its test
            half (the Long Range Arena validates on the test half). `stand-in`: see `question`.
        question: of the stand-in. `packages`: class 0 is a window of the first package, 1 of the
            second. `line-order`: class 0 is a window as it is, 1 the same with shuffled lines.
        packages: two installed ones that the sandbox of a candidate does not hold.
        data: folder that holds aclImdb or plain_text; empty for the default one.
        length: bytes of a document, at least 256 for `line-order`.
    """

    name: Literal["text"] = "text"
    source: Literal["imdb", "stand-in"] = "imdb"
    question: Literal["packages", "line-order"] = "packages"
    packages: tuple[str, str] = ("fontTools", "matplotlib")
    data: str = ""
    length: Annotated[int, Field(strict=True, ge=16, le=1 << 14)] = 4096

    vocabulary = 256
    classes = 2

    @model_validator(mode="after")
    def _check_length(self) -> Self:
        if self.source == "stand-in" and self.question == "line-order" and self.length < 256:
            raise ValueError("length must be at least 256 for line-order")
        return self

    @property
    def positions(self) -> int:
        """Bytes of a document."""
        return self.length

    @property
    def origin(self) -> str:
        """`imdb`, or the stand-in."""
        if self.source == "imdb":
            return NAME
        sources = " and ".join(self.packages)
        if self.question == "packages":
            return f"stand-in: which package Python source is from, {sources}"
        return f"stand-in: Python source of {sources}, lines in order or shuffled"

    @property
    def files(self) -> list[Path]:
        """Files of the data set."""
        return (
            [*imdb_files(self.data, "train"), *imdb_files(self.data, "test")]
            if self.source == NAME
            else []
        )

    def splits(self) -> Iterator[tuple[SplitName, Split]]:
        """Yield the splits.

        Raises:
            InputError: E0611 if there are too few documents, E0620 if a package of the stand-in is
                not installed, E0653 if a file cannot be used.
            UsageError: E0652 if files are missing, E0618 if pyarrow is needed and not installed.
        """
        if self.source == "imdb":
            yield from self._reviews()
        else:
            yield from self._windows()

    def _reviews(self) -> Iterator[tuple[SplitName, Split]]:
        reviews = list(read_imdb(self.data, "train"))
        rows = choose(self.seed, len(reviews), self.train + self.validation, self.origin)
        chosen = [reviews[row] for row in rows]
        yield "train", self._split(chosen[: self.train])
        yield "validation", self._split(chosen[self.train :])
        reviews = list(read_imdb(self.data, "test"))
        rows = choose(self.seed, len(reviews), self.test, self.origin)
        yield "test", self._split([reviews[row] for row in rows])

    def _windows(self) -> Iterator[tuple[SplitName, Split]]:
        documents = source_documents(self.packages)
        for number, split in enumerate(SPLITS):
            rng = np.random.default_rng((self.seed, number))
            labels = rng.permutation(np.arange(self.counts[split]) % 2)
            packages = labels if self.question == "packages" else rng.permutation(labels)
            windows = [Windows(documents[split].of(each), self.length) for each in (0, 1)]
            lines = _LINES if self.question == "line-order" else 0
            texts = [_cut(rng, windows[each], lines) for each in packages]
            if self.question == "line-order":
                pairs = zip(texts, labels, strict=True)
                texts = [_shuffled(rng, text) if label else text for text, label in pairs]
            yield split, self._split(list(zip(texts, map(int, labels), strict=True)))

    def _split(self, examples: list[tuple[bytes, int]]) -> Split:
        texts = [text.replace(b"\0", b" ") for text, _ in examples]
        inputs_NL, lengths_N = padded(texts, self.length)
        return Split(inputs_NL, lengths_N, np.array([each for _, each in examples], dtype=np.uint8))


def _cut(rng: np.random.Generator, windows: Windows, lines: int) -> bytes:
    """Return a window with at least so many whole lines."""
    while True:
        (document,) = windows.documents(rng, 1)
        text = windows.cut(rng, document)
        if text.count(b"\n") > lines:
            return text


def _shuffled(rng: np.random.Generator, text: bytes) -> bytes:
    """Shuffle the lines between the first and the last, which are cut."""
    first, *lines, last = text.split(b"\n")
    return b"\n".join([first, *(lines[place] for place in rng.permutation(len(lines))), last])
