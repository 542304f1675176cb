"""Byte-level language modelling on a text corpus, with the interface of the synthetic tasks."""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from aira_dsl.data.task import Examples, Length, Source, TaskSettings
from aira_dsl.data.text.corpus import MAX_BYTES, Corpus, SplitName, load_corpus
from aira_dsl.errors import InputError


class LanguageTask(TaskSettings):
    """Predict the next byte of text; scored in bits per byte.

    A row is a window of `length` + 1 bytes of the split's own text, cut anywhere: inputs are all
    bytes but the last, targets all but the first, L = `length`, every position scored.

    Attributes:
        corpus: files or folders to read; empty for the offline default (`data/text/corpus.py`).
        max_bytes: bytes of text to hold at most; larger corpora are sampled, evenly spread.
    """

    name: Literal["language"] = "language"
    vocab: Literal[256] = 256
    length: Length = 256
    corpus: tuple[str, ...] = ()
    max_bytes: Annotated[int, Field(strict=True, ge=1024, le=1 << 32)] = MAX_BYTES

    def load(self) -> Corpus:
        """Read the corpus.

        Raises:
            InputError: E0613 to E0620, if a path is not readable text or the text is too little.
            UsageError: E0618, if reading needs a package that is not installed.
        """
        return load_corpus(self.corpus, max_bytes=self.max_bytes)

    def identity(self) -> dict[str, object]:
        """Return the settings with the text's hash in place of where it was read from."""
        return {"name": self.name, "length": self.length, "sha256": self.load().sha256}

    def source(self) -> Source:
        """Read the corpus once; draw windows from the text of each split."""
        opened = self.load()

        def draw(split: SplitName, rng: np.random.Generator, count: int) -> Examples:
            text = np.frombuffer(opened.text(split), dtype=np.uint8)
            if len(text) <= self.length:
                raise InputError(
                    "E0620",
                    f"the corpus {opened.name} has {len(text):,} bytes of {split} text, "
                    f"a window of length {self.length:,} needs {self.length + 1:,}",
                    help="give more text, or a smaller length",
                )
            windows = np.lib.stride_tricks.sliding_window_view(text, self.length + 1)
            windows_NL = windows[rng.integers(len(windows), size=count)].astype(np.int64)
            return Examples(windows_NL[:, :-1].copy(), windows_NL[:, 1:].copy())

        return draw
