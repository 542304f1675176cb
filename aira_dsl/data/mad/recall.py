"""Key-value sequences that the plain and the noisy in-context recall share.

Tokens: keys 0..S//2-1, values S//2..S-1, noise S..S+noise_vocab-1. Every sequence has its own map
from keys to values. All pairs but the last are drawn independently; the last one asks once more for
a key that has been shown (uniform over the different keys shown).

Shapes: N examples, P pairs, T = 2 P tokens.
"""

import numpy as np
from numpy.typing import NDArray

from aira_dsl.data.task import Integers, first_occurrence


def key_value_sequences(  # noqa: PLR0913
    rng: np.random.Generator,
    count: int,
    *,
    length: int,
    symbols: int,
    noise_vocab: int = 0,
    noise_fraction: float = 0.0,
) -> tuple[Integers, NDArray[np.bool_]]:
    """Draw sequences and mark the values of keys that stood earlier in the same sequence.

    Args:
        rng: source of all randomness.
        count: number of sequences N.
        length: tokens T of a sequence; even, at least 4.
        symbols: number S of keys and values together.
        noise_vocab: number of noise tokens.
        noise_fraction: probability that a pair (not the last) is replaced by two noise tokens; one
            pair, uniformly chosen, is kept real.

    Returns:
        tokens of shape (N, T) and the mask of the same shape.
    """
    slots = length // 2 - 1
    keys_NP = rng.integers(symbols // 2, size=(count, slots))
    values_NP = rng.integers(symbols // 2, symbols, size=(count, slots))
    noise_NP = rng.random((count, slots)) < noise_fraction
    noise_NP[np.arange(count), rng.integers(slots, size=count)] = False

    # A noise pair gets a code of its own, so that it is not an occurrence of its key.
    columns_P = np.arange(slots)
    first_NP = first_occurrence(np.where(noise_NP, -1 - columns_P, keys_NP))
    values_NP = np.take_along_axis(values_NP, first_NP, axis=1)
    introduces_NP = (first_NP == columns_P) & ~noise_NP
    asked_N1 = np.where(introduces_NP, rng.random((count, slots)), -1.0).argmax(1)[:, None]

    pairs_NP2 = np.empty((count, slots + 1, 2), dtype=np.int64)
    pairs_NP2[:, :-1] = np.stack([keys_NP, values_NP], axis=-1)
    if noise_vocab:
        drawn_NP2 = symbols + rng.integers(noise_vocab, size=(count, slots, 2))
        pairs_NP2[:, :-1][noise_NP] = drawn_NP2[noise_NP]
    pairs_NP2[:, -1, 0] = np.take_along_axis(keys_NP, asked_N1, axis=1)[:, 0]
    pairs_NP2[:, -1, 1] = np.take_along_axis(values_NP, asked_N1, axis=1)[:, 0]
    scored_NP2 = np.zeros(pairs_NP2.shape, dtype=bool)
    scored_NP2[:, :-1, 1] = first_NP != columns_P
    scored_NP2[:, -1, 1] = True
    return pairs_NP2.reshape(count, length), scored_NP2.reshape(count, length)


def check_length(length: int) -> None:
    """Refuse lengths that do not hold whole pairs, one shown and one asked for."""
    if length % 2 or length < 4:
        raise ValueError(
            f"length must be even and at least 4 (whole key-value pairs), not {length}"
        )


def check_symbols(symbols: int, what: str) -> None:
    """Refuse vocabularies without two keys and two values."""
    if symbols < 4:
        raise ValueError(f"{what} must leave 4 tokens (two keys, two values), it leaves {symbols}")
