"""Examples that are chosen from a data set by a seed."""

import numpy as np
from numpy.typing import NDArray

from aira_dsl.errors import InputError


def choose(seed: int, available: int, wanted: int, source: str) -> NDArray[np.int64]:
    """Return `wanted` different rows of `available`, in random order.

    Raises:
        InputError: E0611 if there are fewer.
    """
    if wanted > available:
        raise InputError(
            "E0611",
            f"{source} has {available:,} examples, fewer than the {wanted:,} that are needed",
            help="ask for fewer examples, or get the whole data set",
        )
    return np.random.default_rng(seed).permutation(available)[:wanted]
