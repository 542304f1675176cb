"""Fuzzy in-context recall (MAD, arXiv 2403.17844), multi-query form: keys and values are motifs.

A motif is an ordered tuple of different tokens. MAD lists all tuples and shuffles the list for
every example (over a second each at vocabulary 128); here tuples are drawn directly.

How a batch is made without a loop over examples: more random pairs than fit are drawn; a pair's
value is the one drawn at its key's first occurrence; lengths then give positions, and the pairs
past the end are dropped. The probe (the pair that is asked for at the end) takes part in all that
as column 0, and is then moved to its place.

Deviation: MAD shows the probe as soon as the sequence is longer than a random index, which at times
is never the case, so that a key is asked for that was not shown. Here the probe then stands before
the last pair that would start in time, so it is always shown.

Shapes: N examples, P random pairs, C = P + 1 with the probe, K / V motif lengths, T tokens.
"""

from dataclasses import dataclass
from typing import Annotated, Literal, Self

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from aira_dsl.data.mad.recall import check_symbols
from aira_dsl.data.task import (
    Examples,
    Integers,
    Length,
    SyntheticTask,
    Vocab,
    first_occurrence,
    shifted,
)

Motif = Annotated[int, Field(strict=True, ge=1, le=64)]


@dataclass(frozen=True)
class _Pairs:
    """Pairs of motifs; arrays (N, C, …) of equal first two dimensions."""

    keys_NCK: Integers
    values_NCV: Integers
    key_sizes_NC: Integers
    value_sizes_NC: Integers
    codes_NC: Integers

    @property
    def sizes_NC(self) -> Integers:
        return self.key_sizes_NC + self.value_sizes_NC

    def columns(self, source_NC: Integers) -> "_Pairs":
        """Return the pairs in another order (columns may repeat)."""
        rows_N1 = np.arange(len(source_NC))[:, None]
        return _Pairs(*(array[rows_N1, source_NC] for array in vars(self).values()))


class FuzzyInContextRecall(SyntheticTask):
    """Recall values that span several tokens, asked for by keys that span several tokens.

    Token `vocab` - 1 pads; the rest is split in key tokens and value tokens. Key motifs have 1 to
    `key_motif` tokens in training and exactly `key_motif` in evaluation; value motifs have 1 to
    `value_motif`. Rows are padded on the left to L = `length`. Training scores every next token
    (padding too), evaluation all tokens of values whose key was shown before.
    """

    name: Literal["fuzzy-in-context-recall"] = "fuzzy-in-context-recall"
    vocab: Vocab = 16
    length: Length = 128
    key_motif: Motif = 3
    value_motif: Motif = 3

    @model_validator(mode="after")
    def _possible(self) -> Self:
        symbols = self.vocab - 1
        check_symbols(symbols, f"vocab {self.vocab} without the padding token")
        for field, size, tokens in (
            ("key_motif", self.key_motif, symbols // 2),
            ("value_motif", self.value_motif, symbols - symbols // 2),
        ):
            if size > tokens:
                raise ValueError(
                    f"{field} {size} needs as many different tokens, there are {tokens}"
                )
        if (symbols // 2 + 1) ** self.key_motif >= 1 << 62:
            raise ValueError(f"key_motif {self.key_motif} is too long for vocab {self.vocab}")
        if self.length <= 2 * (self.key_motif + self.value_motif):
            least = 2 * (self.key_motif + self.value_motif) + 1
            raise ValueError(
                f"length must hold the probe twice (at least {least}), not {self.length}"
            )
        return self

    def generate(self, rng: np.random.Generator, count: int, *, training: bool) -> Examples:
        """Draw examples of shape (count, length)."""
        pairs = self._draw(rng, count, training=training)
        # No pair starts at or after the limit: the probe and one more pair still fit.
        limit_N = self.length - pairs.sizes_NC[:, 0] - self.key_motif - self.value_motif
        threshold_N = rng.integers(self.length - 2 * pairs.sizes_NC[:, 0])
        pairs = pairs.columns(_order(pairs, threshold_N, limit_N))
        ends_NC = np.cumsum(pairs.sizes_NC[:, :-1], axis=1)
        starts_NC = ends_NC - pairs.sizes_NC[:, :-1]
        shown_NC = starts_NC < limit_N[:, None]
        used_N1 = (pairs.sizes_NC[:, :-1] * shown_NC).sum(1, keepdims=True)
        starts_NC = np.concatenate([starts_NC, used_N1], axis=1)
        shown_NC = np.pad(shown_NC, ((0, 0), (0, 1)), constant_values=True)
        left_N1 = self.length + 1 - used_N1 - pairs.sizes_NC[:, -1:]
        tokens_NT, scored_NT = self._write(pairs, starts_NC + left_N1, shown_NC)
        return shifted(tokens_NT, scored_NT, training=training)

    def _draw(self, rng: np.random.Generator, count: int, *, training: bool) -> _Pairs:
        """Draw the probe (column 0) and as many random pairs as could fit; equal keys agree."""
        symbols, shortest = self.vocab - 1, 1 + (1 if training else self.key_motif)
        shape = (count, 1 + -(-self.length // shortest))
        keys_NCK = _distinct_tokens(rng, shape, self.key_motif, symbols // 2)
        values_NCV = _distinct_tokens(rng, shape, self.value_motif, symbols - symbols // 2)
        values_NCV += symbols // 2
        least = 1 if training else self.key_motif
        key_sizes_NC = rng.integers(least, self.key_motif + 1, size=shape)
        value_sizes_NC = rng.integers(1, self.value_motif + 1, size=shape)
        codes_NC = np.zeros(shape, dtype=np.int64)
        for k in range(self.key_motif):  # digits 1.. in use, 0 past the motif's end
            digit_NC = np.where(k < key_sizes_NC, keys_NCK[..., k] + 1, 0)
            codes_NC = codes_NC * (symbols // 2 + 1) + digit_NC
        first_NC = first_occurrence(codes_NC)
        rows_N1 = np.arange(count)[:, None]
        values_NCV, value_sizes_NC = (
            values_NCV[rows_N1, first_NC],
            value_sizes_NC[rows_N1, first_NC],
        )
        return _Pairs(keys_NCK, values_NCV, key_sizes_NC, value_sizes_NC, codes_NC)

    def _write(
        self, pairs: _Pairs, starts_NC: Integers, shown_NC: NDArray[np.bool_]
    ) -> tuple[Integers, NDArray[np.bool_]]:
        """Write the shown pairs at their places; mark the values of keys shown before."""
        tokens_NT = np.full((len(starts_NC), self.length + 1), self.vocab - 1, dtype=np.int64)
        scored_NT = np.zeros(tokens_NT.shape, dtype=bool)
        repeated_NC = first_occurrence(pairs.codes_NC) != np.arange(starts_NC.shape[1])
        row_NC = np.broadcast_to(np.arange(len(starts_NC))[:, None], starts_NC.shape)
        for k in range(self.key_motif):
            here_NC = shown_NC & (k < pairs.key_sizes_NC)
            tokens_NT[row_NC[here_NC], starts_NC[here_NC] + k] = pairs.keys_NCK[here_NC, k]
        for v in range(self.value_motif):
            here_NC = shown_NC & (v < pairs.value_sizes_NC)
            place = row_NC[here_NC], (starts_NC + pairs.key_sizes_NC)[here_NC] + v
            tokens_NT[place] = pairs.values_NCV[here_NC, v]
            scored_NT[place] = repeated_NC[here_NC]
        return tokens_NT, scored_NT


def _distinct_tokens(
    rng: np.random.Generator, shape: tuple[int, int], size: int, tokens: int
) -> Integers:
    """Draw ordered tuples of `size` different tokens below `tokens`, uniformly.

    The i-th token is drawn among those that are left: a number below tokens - i, raised by one for
    every earlier token (in ascending order) that it reaches.
    """
    tuples = np.empty((*shape, size), dtype=np.int64)
    for i in range(size):
        drawn = rng.integers(tokens - i, size=shape)
        earlier = np.sort(tuples[..., :i], axis=-1)
        for j in range(i):
            drawn += drawn >= earlier[..., j]
        tuples[..., i] = drawn
    return tuples


def _order(pairs: _Pairs, threshold_N: Integers, limit_N: Integers) -> Integers:
    """Return the columns in the order in which they are shown; the probe once more at the end.

    The probe stands before the first pair that starts at or after the threshold, and not after the
    last one that starts before the limit; nowhere if chance has shown its key by then.
    """
    sizes_NP = pairs.sizes_NC[:, 1:]
    starts_NP = np.cumsum(sizes_NP, axis=1) - sizes_NP
    count, slots = starts_NP.shape
    last_N = (starts_NP < limit_N[:, None]).sum(1) - 1
    place_N = np.minimum((starts_NP < threshold_N[:, None]).sum(1), last_N)
    before_NP = np.arange(slots) < place_N[:, None]
    by_chance_N = (before_NP & (pairs.codes_NC[:, 1:] == pairs.codes_NC[:, :1])).any(1)
    place_N1 = np.where(by_chance_N, slots, place_N)[:, None]
    slot_C = np.arange(slots + 1)
    order_NC = np.where(slot_C < place_N1, slot_C + 1, np.where(slot_C == place_N1, 0, slot_C))
    return np.concatenate([order_NC, np.zeros((count, 1), dtype=np.int64)], axis=1)
