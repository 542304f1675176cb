"""Rows of equal length from documents of any length, as karpathy/nanochat fills them.

A row takes the longest document that still fits, again and again. When none fits, the shortest one
is cut to what is left, and its rest is dropped. So a row has no padding, and it begins where a
document begins: with the token that starts one, if every document has it.
"""

from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np

Tokens = np.ndarray[tuple[int], np.dtype[Any]]


def pack(documents: Iterable[Tokens], length: int, *, waiting: int = 1_000) -> Iterator[Tokens]:
    """Yield rows (length,); the last documents may not fill one, and are left out then.

    Args:
        documents: one-dimensional arrays of tokens, none of them empty.
        length: tokens of a row.
        waiting: how many documents a row may choose from.
    """
    coming = iter(documents)
    held = list(islice(coming, waiting))
    sizes = np.array([len(document) for document in held])
    while sizes.any():
        row: list[Tokens] = []
        room = length
        while room and sizes.any():
            chosen = _chosen(sizes, room)
            row.append(held[chosen][:room])
            room -= len(row[-1])
            following = next(coming, None)
            sizes[chosen] = 0 if following is None else len(following)
            if following is not None:
                held[chosen] = following
        if not room:
            yield np.concatenate(row)


def _chosen(sizes: np.ndarray[Any, np.dtype[np.int64]], room: int) -> int:
    """Return the longest document that fits, or else the shortest; size 0 is an empty place."""
    fitting = np.where(sizes <= room, sizes, 0)
    if fitting.any():
        return int(fitting.argmax())
    return int(np.where(sizes > 0, sizes, np.iinfo(np.int64).max).argmin())
