"""A permutation of 0 … n-1 that is computed place by place, without a table.

It is a Feistel network on pairs: a place p < a b is the pair (p // b, p % b), and every round adds
to one half a pseudo-random function of the other, modulo a or b. A round can be undone, so the
network permutes the a b pairs. Places of n or above are sent through the network again until they
are below n ("cycle walking"; Black and Rogaway 2002, Ciphers with arbitrary finite domains). With
a = ceil(sqrt(n)) and b = ceil(n / a) that is rare.

Memory does not depend on n, any place can be asked for at any time, and the result never changes
with the version of numpy: a run that is continued years later sees the same order.
"""

import hashlib
import math

import numpy as np
from numpy.typing import NDArray

_ROUNDS = 8
_GOLDEN = np.uint64(0x9E3779B97F4A7C15)


def permuted(places: NDArray[np.int64], count: int, *, seed: int, epoch: int) -> NDArray[np.int64]:
    """Return where a permutation sends places.

    Args:
        places: (N,) numbers from 0 to `count` - 1.
        count: size n of the permutation, at least 1.
        seed: of the permutation.
        epoch: every epoch has its own permutation.

    Returns:
        (N,) numbers from 0 to `count` - 1; different places give different numbers.
    """
    digest = hashlib.blake2b(f"{seed}/{epoch}".encode(), digest_size=8 * _ROUNDS).digest()
    keys = np.frombuffer(digest, "<u8")
    first = math.isqrt(count - 1) + 1
    second = -(-count // first)
    found = _network(places, first, second, keys)
    while (outside := found >= count).any():
        found[outside] = _network(found[outside], first, second, keys)
    return found


def _network(
    places: NDArray[np.int64], first: int, second: int, keys: NDArray[np.uint64]
) -> NDArray[np.int64]:
    left, right = np.divmod(places.astype(np.uint64), np.uint64(second))
    for number, key in enumerate(keys):
        if number % 2:
            right = (right + _mixed(left, key) % np.uint64(second)) % np.uint64(second)
        else:
            left = (left + _mixed(right, key) % np.uint64(first)) % np.uint64(first)
    return (left * np.uint64(second) + right).astype(np.int64)


def _mixed(values: NDArray[np.uint64], key: np.uint64) -> NDArray[np.uint64]:
    """Hash 64-bit numbers: the last steps of SplitMix64 (Steele, Lea and Flood 2014)."""
    mixed = (values ^ key) * _GOLDEN
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return mixed ^ (mixed >> np.uint64(31))
