"""Selective copying (MAD, arXiv 2403.17844): copy the content, in order, and skip the blanks.

MAD draws the places of the blanks from numpy's global generator; here they come from the caller's.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.task import IGNORE, Examples, Length, SyntheticTask, Vocab


class SelectiveCopying(SyntheticTask):
    """Copy `copy_tokens` tokens that stand scattered among blanks.

    A row is the content mixed with blanks (`vocab` - 2), the copy token (`vocab` - 1), and
    `copy_tokens` blanks, at which the content is expected in order; nothing else is scored. Each
    of the `length` - 2·`copy_tokens` - 1 blanks stands directly before a content token or before
    another blank there, its token drawn uniformly, so that the last content token is next to the
    copy token, as in MAD. Training and evaluation have the same form, L = `length`.
    """

    name: Literal["selective-copying"] = "selective-copying"
    vocab: Vocab = 16
    length: Length = 256
    copy_tokens: Annotated[int, Field(strict=True, ge=1, le=1 << 15)] = 16

    @model_validator(mode="after")
    def _possible(self) -> Self:
        if self.vocab < 4:
            raise ValueError(f"vocab must be at least 4 (two of content), not {self.vocab}")
        if self.blanks < 1:
            raise ValueError(
                f"length must be above 2·copy_tokens + 1 = {2 * self.copy_tokens + 1}, "
                f"to leave a blank among the content, not {self.length}"
            )
        return self

    @property
    def blanks(self) -> int:
        """Number of blanks among the content."""
        return self.length - 2 * self.copy_tokens - 1

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length); `training` makes no difference."""
        copies = self.copy_tokens
        content_NK = rng.integers(self.vocab - 2, size=(count, copies))
        gaps_NB = rng.integers(copies, size=(count, self.blanks))
        flat = (gaps_NB + np.arange(count)[:, None] * copies).ravel()
        blanks_NK = np.bincount(flat, minlength=count * copies).reshape(count, copies)
        places_NK = np.arange(copies) + np.cumsum(blanks_NK, axis=1)
        inputs_NL = np.full((count, self.length), self.vocab - 2, dtype=np.int64)
        np.put_along_axis(inputs_NL, places_NK, content_NK, axis=1)
        inputs_NL[:, -copies - 1] = self.vocab - 1
        targets_NL = np.full((count, self.length), IGNORE, dtype=np.int64)
        targets_NL[:, -copies:] = content_NK
        return Examples(inputs_NL, targets_NL)
