"""Text that two splits share: found by hashes of every window, and cut from the larger split.

A model that has seen a passage in training predicts it better than new text, so a passage that
occurs in training text and in held-out text makes the held-out score too good. Lee et al. (2022,
arXiv 2107.06499) remove such passages by exact substring match; here a passage is any `WINDOW`
bytes in a row, which at byte level is about ten words.

Every window gets a 64-bit hash. For bytes b and an odd multiplier p, prefix sums
S[i] = sum_{k<i} r(b[k]) p^k (modulo 2^64) give the hash of window i as (S[i + WINDOW] - S[i]) p^-i,
where r maps a byte to a random 64-bit number. Equal windows always have equal hashes, so nothing
shared is missed; two different windows have equal hashes with a probability of about 2^-64 a pair,
and that costs one window of training text.

Shapes: N bytes, W windows.
"""

from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

WINDOW = 50
"""Bytes in a row that no two splits may share."""

_SEPARATOR = b"\n\n"
_CHUNK = 1 << 20  # windows hashed at a time: 8 MiB an array
_SIEVE_BITS = 26  # a table of 64 Mi flags answers most look-ups in one step
_MULTIPLIER = np.uint64(0x9E3779B97F4A7C15)  # odd, so that it has an inverse modulo 2^64
_INVERSE = np.uint64(pow(int(_MULTIPLIER), -1, 1 << 64))
_RANDOM = np.random.default_rng(50).integers(1 << 64, size=256, dtype=np.uint64)


def without_shared(pieces: Sequence[bytes], held_out: Sequence[bytes]) -> list[bytes]:
    """Return the pieces without any passage of `WINDOW` bytes that `held_out` contains.

    What remains on both sides of a cut is separated by an empty line. That can only form a new
    shared passage with the text around it, so the search is repeated until it finds none.

    Args:
        pieces: texts of one split; a passage across two pieces counts as they are joined.
        held_out: texts of another split.
    """
    known = _Known(_SEPARATOR.join(held_out))
    kept = list(pieces)
    while (marks := _shared(text := _SEPARATOR.join(kept), known)).any():
        kept = list(_between(text, marks))
    return kept


class _Known:
    """The window hashes of a text, for many look-ups."""

    def __init__(self, text: bytes) -> None:
        parts = [np.zeros(0, np.uint64), *(hashes_W for _, hashes_W in _hashed(text))]
        self._sorted_W = np.sort(np.concatenate(parts))
        bits = min(_SIEVE_BITS, max(10, len(self._sorted_W).bit_length() + 4))
        self._shift = np.uint64(64 - bits)
        self._sieve = np.zeros(1 << bits, dtype=bool)
        self._sieve[self._sorted_W >> self._shift] = True

    def has(self, hashes_W: NDArray[np.uint64]) -> NDArray[np.intp]:
        """Return the places in `hashes_W` whose hash is known."""
        (maybe,) = np.nonzero(self._sieve[hashes_W >> self._shift])
        wanted = hashes_W[maybe]
        places = np.searchsorted(self._sorted_W, wanted)
        places[places == len(self._sorted_W)] = 0
        return maybe[self._sorted_W[places] == wanted] if len(self._sorted_W) else maybe[:0]


def _shared(text: bytes, known: _Known) -> NDArray[np.bool_]:
    """Mark the bytes of a text that lie in a shared passage."""
    changes = np.zeros(len(text) + 1, dtype=np.int32)  # +1 where a passage begins, -1 after its end
    for start, hashes_W in _hashed(text):
        begins = start + known.has(hashes_W)
        changes[begins] += 1
        changes[begins + WINDOW] -= 1
    return np.cumsum(changes[:-1]) > 0


def _between(text: bytes, marks: NDArray[np.bool_]) -> Iterator[bytes]:
    """Yield the text between the marked passages of a text."""
    edges = np.flatnonzero(np.diff(marks, prepend=True, append=True))
    for a, b in zip(edges[::2], edges[1::2], strict=True):
        if piece := text[a:b].strip(b"\n"):
            yield piece


def _hashed(text: bytes) -> Iterator[tuple[int, NDArray[np.uint64]]]:
    """Yield the hashes of all windows in chunks, each with the place of its first window."""
    codes_N = np.frombuffer(text, dtype=np.uint8)
    with np.errstate(over="ignore"):
        size = min(_CHUNK, len(codes_N)) + WINDOW
        powers_N = np.cumprod(np.full(size, _MULTIPLIER)) * _INVERSE  # p^0, p^1, …
        inverse_N = np.cumprod(np.full(size, _INVERSE)) * _MULTIPLIER
        for start in range(0, len(codes_N) - WINDOW + 1, _CHUNK):
            values_N = _RANDOM[codes_N[start : start + _CHUNK + WINDOW - 1]]
            values_N *= powers_N[: len(values_N)]
            sums = np.concatenate([np.zeros(1, np.uint64), np.cumsum(values_N, dtype=np.uint64)])
            windows_W = sums[WINDOW:] - sums[:-WINDOW]
            yield start, windows_W * inverse_N[: len(windows_W)]
