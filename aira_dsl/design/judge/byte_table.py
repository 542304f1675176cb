"""How many bytes of text each token stands for.

Bits per byte divide by the bytes of the text, so every token counts with its raw bytes. Decoding a
token to text and encoding it again is wrong: a token with half of a character decodes to U+FFFD,
three bytes, and the score looks better than it is.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from aira_dsl.errors import InputError

Bytes = NDArray[np.int64]


def of_tokens(tokens: Sequence[bytes], *, special: Iterable[int] = ()) -> Bytes:
    """Return the bytes (V,) of every token.

    Args:
        tokens: the raw bytes of each token, by its number.
        special: numbers of tokens that stand for no text; they count 0 and are not scored.

    Raises:
        InputError: E1210, a token that is not special has no bytes.
    """
    table_V = np.array([len(token) for token in tokens], dtype=np.int64)
    table_V[list(special)] = 0
    empty = sorted(set(np.flatnonzero(table_V == 0).tolist()) - set(special))
    if empty:
        raise InputError("E1210", f"the token {empty[0]} has no bytes and is not special")
    return table_V


def of_bytes(*, special: int = 0) -> Bytes:
    """Return the table of a byte vocabulary: 256 tokens of one byte, then special ones."""
    return np.array([1] * 256 + [0] * special, dtype=np.int64)
