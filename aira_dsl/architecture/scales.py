"""From a searched pattern to a larger one: stretch its runs, or stack it (paper §3.1, Composer).

With M the size to reach, m the size of the pattern at the target's dimensions and s = M / m:
stretching makes a run of h equal layers ⌈s·h⌉ long; stacking repeats the whole ⌊s⌋ times and ends
with one shrunk copy for the rest of s. Ratios are exact, so that nothing hangs on the last bit.
"""

from collections.abc import Sequence
from fractions import Fraction
from itertools import groupby
from math import ceil, floor
from typing import Literal

from aira_dsl.architecture.pattern import MAX_LAYERS

How = Literal["stretch", "stack"]


def extrapolate(layers: Sequence[str], how: How, *, target: int, current: int) -> tuple[str, ...]:
    """Return the layers of a larger (or smaller) model.

    Args:
        layers: names of blocks, first layer first.
        how: `stretch` or `stack`.
        target: parameters to reach, M.
        current: parameters of these layers at the target's dimensions, m.

    Raises:
        ValueError: the result has no layer, or more than 4,096.
    """
    factor = Fraction(target, current)
    return stretch(layers, factor) if how == "stretch" else stack(layers, factor)


def stretch(layers: Sequence[str], factor: Fraction | int) -> tuple[str, ...]:
    """Make every run of h equal layers ⌈factor·h⌉ long; a factor of 1 changes nothing.

    Raises:
        ValueError: as for `extrapolate`.
    """
    return _expand([(name, ceil(factor * length)) for name, length in _runs(layers)])


def stack(layers: Sequence[str], factor: Fraction | int) -> tuple[str, ...]:
    """Repeat the layers ⌊factor⌋ times, then add a copy shrunk to what is left of the factor.

    The copy's run of h equal layers is the remainder times h, rounded to the nearest whole number
    and up from halves; a run that rounds to nothing is left out.

    Raises:
        ValueError: as for `extrapolate`.
    """
    copies = floor(factor)
    if copies * len(layers) > MAX_LAYERS:
        raise ValueError(_too_many(copies * len(layers)))
    rest = factor - copies
    runs = [(name, floor(rest * length + Fraction(1, 2))) for name, length in _runs(layers)]
    return _expand([*((name, 1) for name in tuple(layers) * copies), *runs])


def _runs(layers: Sequence[str]) -> list[tuple[str, int]]:
    return [(name, len(list(group))) for name, group in groupby(layers)]


def _expand(runs: list[tuple[str, int]]) -> tuple[str, ...]:
    depth = sum(length for _, length in runs)
    if depth == 0:
        raise ValueError("the target is smaller than half of every run of layers")
    if depth > MAX_LAYERS:
        raise ValueError(_too_many(depth))
    return tuple(name for name, length in runs for _ in range(length))


def _too_many(depth: int) -> str:
    shown = f"{depth:,}" if depth < 10**15 else "more than 10^15"
    return f"it would have {shown} layers, the limit is {MAX_LAYERS:,}"
