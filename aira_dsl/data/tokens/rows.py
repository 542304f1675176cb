"""Rows of equal length from a stream of tokens, in an order that is a function of the seed alone.

Row i holds the tokens from i T up to and including (i + 1) T, for a context of T tokens: the first
T are inputs, the last T targets, so every token but the first is a target exactly once. Documents
follow each other without padding; a row begins anywhere in one.

Samples are numbered from 0 over the whole training. Sample n is row permuted(n mod count) of epoch
n // count: no row repeats before all were seen once. A batch is the next samples, and each rank
takes its slice of the same global batch, so the order does not depend on the number of ranks, and
a run is continued from the number of samples seen.

Shapes: B batch, S = T + 1 tokens.
"""

from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.tokens.corpus import Split
from aira_dsl.data.tokens.order import permuted
from aira_dsl.errors import InputError

Documents = Literal["cross", "separate"]


@dataclass(frozen=True)
class Batch:
    """Some rows.

    Attributes:
        tokens_BS: token ids; inputs are all but the last of a row, targets all but the first.
        segments_BS: number of the document in the row, rising from 0 or 1; 0 is the rest of a
            document that began before. None if attention and states cross documents.
    """

    tokens_BS: NDArray[np.int64]
    segments_BS: NDArray[np.int32] | None


@dataclass(frozen=True)
class Rows:
    """The rows of a split.

    Attributes:
        split: the tokens.
        context: inputs T of a row.
        seed: of the order; None for the order of the text, as for validation.
        documents: `separate` gives segments, by which attention and states stay inside documents.

    Raises:
        ValueError: the context is not positive.
        InputError: E1407, the split has no document, or too few tokens for one row.
    """

    split: Split
    context: int
    seed: int | None = None
    documents: Documents = "cross"

    def __post_init__(self) -> None:
        if self.context < 1:
            raise ValueError(f"context must be at least 1, not {self.context}")
        if self.split.name == "validation" and not self.split.tokens:
            raise InputError(
                "E1407",
                "no document is held out for validation, which is needed here",
                help="hold out a share with --validation, such as 0.01; prepare a prepared corpus "
                "again with it",
            )
        if self.count < 1:
            raise InputError(
                "E1407",
                f"the {self.split.name} split has {self.split.tokens:,} tokens, a row of context "
                f"{self.context:,} needs {self.context + 1:,}",
                help="give more text, a smaller context, or hold out another share",
            )

    @cached_property
    def count(self) -> int:
        """Number of rows: samples of an epoch."""
        return max(0, self.split.tokens - 1) // self.context

    @property
    def left_out(self) -> int:
        """Tokens at the end of the split that no row has as a target."""
        return (self.split.tokens - 1) % self.context

    def __len__(self) -> int:
        return self.count

    def __getitem__(self, row: int) -> Batch:
        """Return one row, in the order of the text, as a batch of one."""
        if not -self.count <= row < self.count:
            raise IndexError(f"row {row} of {self.count}")
        return self._rows(np.array([row % self.count]))

    def batch(self, step: int, size: int, *, rank: int = 0, ranks: int = 1) -> Batch:
        """Return the rows of a step, or the part of them that belongs to one rank.

        Args:
            step: number of the step, from 0; every step before had as many rows.
            size: rows of all ranks together, a multiple of `ranks`.
            rank: number of the rank, from 0.
            ranks: number of ranks.
        """
        if size % ranks:
            raise ValueError(f"a batch of {size} rows cannot be divided among {ranks} ranks")
        part = size // ranks
        return self.take(step * size + rank * part, part)

    def take(self, first: int, size: int) -> Batch:
        """Return samples of the training, whose batches may differ in size.

        Args:
            first: number of the first sample: how many were seen before.
            size: number of samples.
        """
        return self._rows(self.order(first, size))

    def order(self, first: int, size: int) -> NDArray[np.int64]:
        """Return the rows (B,) of samples.

        Args:
            first: number of the first sample.
            size: number of samples.
        """
        epochs, places = np.divmod(np.arange(first, first + size), self.count)
        if self.seed is None:
            return places
        parts = [
            permuted(places[epochs == epoch], self.count, seed=self.seed, epoch=int(epoch))
            for epoch in np.unique(epochs)
        ]
        return np.concatenate([np.zeros(0, np.int64), *parts])

    def _rows(self, rows: NDArray[np.int64]) -> Batch:
        ranges = [(row * self.context, (row + 1) * self.context + 1) for row in rows.tolist()]
        tokens = np.zeros((len(ranges), self.context + 1), np.int64)
        for place, (start, stop) in enumerate(ranges):
            tokens[place] = self.split.read(start, stop)
        return Batch(tokens, self._segments(ranges) if self.documents == "separate" else None)

    def _segments(self, ranges: list[tuple[int, int]]) -> NDArray[np.int32]:
        begins = np.zeros((len(ranges), self.context + 1), np.int32)
        for place, (start, stop) in enumerate(ranges):
            begins[place, self.split.document_starts(start, stop)] = 1
        return np.cumsum(begins, axis=1, dtype=np.int32)
