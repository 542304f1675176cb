"""What every task is: frozen settings that can draw examples.

A task is a value (pydantic, no state), so that it can be a part of the evaluator's key. All
randomness comes from the generator that the caller hands in; the global one is never touched.
Generators work on the whole batch at once and loop over motif positions at most.

Shapes: N examples, L row length, P pairs (slots) in a sequence, T tokens before the shift.
"""

from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.data.text.corpus import SplitName

IGNORE = -100
"""Target of a position that is not scored."""

Integers = NDArray[np.int64]
Source = Callable[[SplitName, np.random.Generator, int], "Examples"]
"""Draws so many examples of one split."""

Vocab = Annotated[int, Field(strict=True, ge=2, le=1 << 16)]
"""A number of token ids: 2 to 65,536."""

Length = Annotated[int, Field(strict=True, ge=2, le=1 << 16)]
"""A number of tokens: 2 to 65,536."""


@dataclass(frozen=True)
class Examples:
    """Examples of one task, one a row.

    Attributes:
        inputs: token ids, shape (N, L), int64.
        targets: token ids or `IGNORE`, shape (N, L), int64.
    """

    inputs: Integers
    targets: Integers

    def __len__(self) -> int:
        return len(self.inputs)


class TaskSettings(BaseModel, ABC):
    """One task: its settings are the fields, `source` makes its examples.

    Attributes:
        name: how the task is called in settings, tables and files.
        vocab: number of token ids, special tokens included.
        length: tokens of a sequence; what a row holds is said by each task.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    vocab: Vocab
    length: Length

    @abstractmethod
    def source(self) -> Source:
        """Open what the examples are made of, once for all splits."""

    def identity(self) -> dict[str, object]:
        """Return all that decides the examples besides sizes and seed, for a store's key."""
        return self.model_dump()


class SyntheticTask(TaskSettings):
    """A task whose examples follow from its settings and a generator alone (the six of MAD)."""

    @abstractmethod
    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples, in the form that is trained on or in the form that is scored."""

    def source(self) -> Source:
        """Draw the train split in training form, the others in evaluation form."""
        return lambda split, rng, count: self.generate(rng, count, training=split == "train")


def first_occurrence(codes_NP: Integers) -> Integers:
    """Return for every element the column of the first occurrence of its value in its row."""
    order_NP = np.argsort(codes_NP, axis=1, kind="stable")
    sorted_NP = np.take_along_axis(codes_NP, order_NP, axis=1)
    opens_NP = np.ones(codes_NP.shape, dtype=bool)
    opens_NP[:, 1:] = sorted_NP[:, 1:] != sorted_NP[:, :-1]
    group_NP = np.maximum.accumulate(np.where(opens_NP, np.arange(codes_NP.shape[1]), 0), axis=1)
    first_NP = np.empty_like(codes_NP)
    np.put_along_axis(first_NP, order_NP, np.take_along_axis(order_NP, group_NP, axis=1), axis=1)
    return first_NP


def shifted(tokens_NT: Integers, scored_NT: NDArray[np.bool_], *, training: bool) -> Examples:
    """Turn sequences into next-token examples with L = T - 1.

    Training scores every next token; otherwise only the tokens marked in `scored_NT`.
    """
    targets_NL = tokens_NT[:, 1:].copy()
    if not training:
        targets_NL[~scored_NT[:, 1:]] = IGNORE
    return Examples(tokens_NT[:, :-1].copy(), targets_NL)
