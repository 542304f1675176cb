"""Noisy in-context recall (MAD, arXiv 2403.17844), multi-query form.

MAD keeps one pair real by drawing its index among all pairs, the last one included, which is never
noise anyway: with probability 2 / length nothing is kept. Here the index is drawn among the pairs
that can be noise, so that every sequence shows at least one key before it asks for one.
"""

from typing import Annotated, Literal, Self

import numpy as np
from pydantic import Field, model_validator

from aira_dsl.data.mad.recall import check_length, check_symbols, key_value_sequences
from aira_dsl.data.task import Examples, Length, SyntheticTask, Vocab, shifted


class NoisyInContextRecall(SyntheticTask):
    """In-context recall with pairs of noise tokens in between.

    The top `noise_vocab` ids are noise; the rest is split in keys and values. Each pair but the
    last is replaced by two noise tokens with probability `noise_fraction`. Rows as in
    in-context recall: L = `length` - 1. Training scores every next token (noise too), evaluation
    only values of keys shown before.
    """

    name: Literal["noisy-in-context-recall"] = "noisy-in-context-recall"
    vocab: Vocab = 32
    length: Length = 128
    noise_vocab: Annotated[int, Field(strict=True, ge=1, le=1 << 16)] = 16
    noise_fraction: Annotated[float, Field(ge=0.0, lt=1.0)] = 0.2

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_length(self.length)
        what = f"vocab {self.vocab} without noise_vocab {self.noise_vocab}"
        check_symbols(self.vocab - self.noise_vocab, what)
        return self

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length - 1)."""
        tokens_NT, scored_NT = key_value_sequences(
            rng,
            count,
            length=self.length,
            symbols=self.vocab - self.noise_vocab,
            noise_vocab=self.noise_vocab,
            noise_fraction=self.noise_fraction,
        )
        return shifted(tokens_NT, scored_NT, training=training)
