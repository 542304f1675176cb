"""The pattern notation, as a value: a sequence of block names written with repeats and groups.

`5×(2A-M)-A` is the paper's way to write sixteen layers. Here a sequence becomes its shortest such
text; `aira_dsl.language` reads the text back.

The search for groups is cubic, so it works on at most 64 symbols: the names themselves, or else the
runs of equal names (then no group begins or ends inside a run). Longer sequences are first folded,
from the left, into the repeats that cover most.
"""

import re
from collections.abc import Iterator, Sequence
from functools import cache

MAX_LAYERS = 4096
"""More layers than any published model, few enough that no text can exhaust memory."""

TIMES = "×"
_SEARCHED = 64

# `2e3` and `2_0` are numbers to a reader of the text: such names are repeated with a sign.
_READS_AS_NUMBER = re.compile(r"[eE]([0-9].*)?|_[0-9].*")

Run = tuple[str, int]
"""A name and how often it stands in a row."""

_Form = tuple[int, int, int, str]
"""Names written, characters and shifted groups of a text, and the text; the least is best."""


def compress(names: Sequence[str]) -> str:
    """Write a sequence of block names in the pattern notation.

    Returns the text with the fewest names in it, of those the shortest, and of those one whose
    groups begin with the name that comes first in the sequence: `A-M-A-M-M` repeats `A-M`, not
    `M-A`. Deterministic. A sequence of more than 64 names is searched run by run, one of more than
    64 runs only for repeats that follow one another.

    >>> compress(["A", "A", "M"] * 5 + ["A"])
    '5×(2A-M)-A'
    """
    runs = _runs(names)
    if len(names) <= _SEARCHED:
        return _shortest(tuple((name, 1) for name in names))
    if len(runs) <= _SEARCHED:
        return _shortest(tuple(runs))
    return "-".join(_folded(runs))


def _folded(runs: list[Run]) -> Iterator[str]:
    """Yield the parts of a long pattern: groups of at most 64 runs that repeat, and single runs."""
    at = 0
    while at < len(runs):
        covered, period = max((_covered(runs, at, p), -p) for p in range(1, _SEARCHED + 1))
        if covered > -period:
            unit = _shortest(tuple(runs[at : at - period]))
            yield f"{covered // -period}{TIMES}({unit})"
            at += covered
        else:
            yield _repeat(runs[at][1], runs[at][0])
            at += 1


def _covered(runs: list[Run], at: int, period: int) -> int:
    """Count the runs from `at` on that repeat the first `period` of them, in whole rounds.

    A period that does not come again covers nothing, however long it is.
    """
    unit, end = runs[at : at + period], at + period
    while runs[end : end + period] == unit:
        end += period
    return end - at if end > at + period else 0


def _runs(names: Sequence[str]) -> list[Run]:
    runs: list[Run] = []
    for name in names:
        if runs and runs[-1][0] == name:
            runs[-1] = (name, runs[-1][1] + 1)
        else:
            runs.append((name, 1))
    return runs


def _repeat(count: int, name: str) -> str:
    sign = TIMES if _READS_AS_NUMBER.fullmatch(name) else ""
    if "|" in name:
        sign, name = TIMES, f"({name})"
    return name if count == 1 else f"{count}{sign}{name}"


def _shortest(symbols: tuple[Run, ...]) -> str:
    """Find the best text by dynamic programming over all splits into runs and repeated groups."""
    order = list(dict.fromkeys(name for name, _ in symbols))

    @cache
    def best(start: int, stop: int) -> _Form:
        """Return the best form of symbols[start:stop]."""
        part = symbols[start:stop]
        if len({name for name, _ in part}) == 1:
            text = _repeat(sum(count for _, count in part), part[0][0])
            return (1, len(text), 0, text)
        candidates = [
            _join(best(start, middle), best(middle, stop)) for middle in range(start + 1, stop)
        ]
        candidates += [
            _group(len(part) // period, best(start, start + period), _shifted(part[:period], order))
            for period in range(2, len(part) // 2 + 1)
            if _is_periodic(part, period)
        ]
        return min(candidates)

    return best(0, len(symbols))[-1] if symbols else ""


def _join(left: _Form, right: _Form) -> _Form:
    text = f"{left[-1]}-{right[-1]}"
    return (left[0] + right[0], len(text), left[2] + right[2], text)


def _group(count: int, inner: _Form, shifted: bool) -> _Form:
    text = f"{count}{TIMES}({inner[-1]})"
    return (inner[0], len(text), inner[2] + shifted, text)


def _shifted(unit: tuple[Run, ...], order: list[str]) -> bool:
    """Tell whether a unit begins with another name than the one that comes first in the layers."""
    return unit[0][0] != min((name for name, _ in unit), key=order.index)


def _is_periodic(symbols: tuple[Run, ...], period: int) -> bool:
    repeats, rest = divmod(len(symbols), period)
    return rest == 0 and symbols == symbols[:period] * repeats
