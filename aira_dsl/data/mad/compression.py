"""Compression (MAD, arXiv 2403.17844): a whole sequence from the last position's hidden state.

MAD's optional noise is left out: no published setting uses it, and the reference returns targets
in which it is not masked.
"""

from typing import Annotated, Literal

import numpy as np
from pydantic import Field

from aira_dsl.data.task import Examples, Length, SyntheticTask


class Compression(SyntheticTask):
    """Reproduce all tokens of a sequence from one vector.

    A row is `length` - 1 uniform tokens and the compression token (`vocab` - 1); the targets are
    the inputs, all scored. Training and evaluation have the same form, L = `length`. It needs the
    auto-encoder of `aira_dsl.training.networks`: a causal model with a head would just copy.
    """

    name: Literal["compression"] = "compression"
    vocab: Annotated[int, Field(strict=True, ge=3, le=1 << 16)] = 16
    length: Length = 32

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length); `training` makes no difference."""
        inputs_NL = rng.integers(self.vocab - 1, size=(count, self.length))
        inputs_NL[:, -1] = self.vocab - 1
        return Examples(inputs_NL, inputs_NL.copy())
