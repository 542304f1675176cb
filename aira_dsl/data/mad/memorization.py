"""Memorization (MAD, arXiv 2403.17844): a fixed map that only the weights can hold.

MAD's optional noise pairs are left out: no published setting uses them.
"""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from aira_dsl.data.task import IGNORE, Examples, Integers, Length, SyntheticTask, Vocab

MAP_SEED = 12345
"""The map is one and the same in all splits, runs and seeds."""


class Memorization(SyntheticTask):
    """Answer each key with its value under a map that no sequence shows.

    A row is `length` / 2 times [key, insert token], keys drawn uniformly; the target at the insert
    token (`vocab` - 1) is the key's value, the key's own position is not scored. Training and
    evaluation have the same form, L = `length`.
    """

    name: Literal["memorization"] = "memorization"
    vocab: Vocab = 256
    length: Length = 32

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.length % 2:
            raise ValueError(f"length must be even (key and insert token), not {self.length}")
        if self.vocab < 5:
            raise ValueError(f"vocab must be at least 5 (two keys, two values), not {self.vocab}")
        return self

    @property
    def keys(self) -> int:
        """Number of keys: ids 0 to keys - 1."""
        return (self.vocab - 1) // 2

    def values(self) -> Integers:
        """Return the value of every key: different ids from `keys` to `vocab` - 2."""
        values = np.random.default_rng(MAP_SEED).permutation(np.arange(self.keys, self.vocab - 1))
        return values[: self.keys]

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length); `training` makes no difference."""
        keys_NP = rng.integers(self.keys, size=(count, self.length // 2))
        inputs_NL = np.full((count, self.length), self.vocab - 1, dtype=np.int64)
        targets_NL = np.full((count, self.length), IGNORE, dtype=np.int64)
        inputs_NL[:, ::2] = keys_NP
        targets_NL[:, 1::2] = self.values()[keys_NP]
        return Examples(inputs_NL, targets_NL)
