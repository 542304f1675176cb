"""In-context recall (MAD, arXiv 2403.17844), multi-query form."""

from typing import Literal, Self

import numpy as np
from pydantic import model_validator

from aira_dsl.data.mad.recall import check_length, check_symbols, key_value_sequences
from aira_dsl.data.task import Examples, Length, SyntheticTask, Vocab, shifted


class InContextRecall(SyntheticTask):
    """Recall the value that a key had earlier in the same sequence.

    Keys are the lower half of the vocabulary, values the upper half. A sequence is `length` / 2
    pairs with a fresh map; a row is the sequence without its last token, so L = `length` - 1.
    Training scores every next token, evaluation only values of keys shown before.
    """

    name: Literal["in-context-recall"] = "in-context-recall"
    vocab: Vocab = 16
    length: Length = 128

    @model_validator(mode="after")
    def _possible(self) -> Self:
        check_length(self.length)
        check_symbols(self.vocab, f"vocab {self.vocab}")
        return self

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length - 1)."""
        tokens_NT, scored_NT = key_value_sequences(
            rng, count, length=self.length, symbols=self.vocab
        )
        return shifted(tokens_NT, scored_NT, training=training)
