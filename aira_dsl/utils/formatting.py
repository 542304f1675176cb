"""Numbers as text: the one place that decides how many digits a person reads.

Functions that take `None` return an empty text for it, so that a cell of a table stays empty.
"""

import math
from collections.abc import Iterable, Sequence

_UNITS = ((15, "P"), (12, "T"), (9, "G"), (6, "M"), (3, "k"))
_DIGITS = 3
"""Significant digits of the largest number in an aligned column."""


def humanized(number: float) -> str:
    """Write a large number short: `1.05M`, `264M`, `13.2G`."""
    for exponent, unit in _UNITS:
        if number >= 0.9995 * 10**exponent:
            value = number / 10**exponent
            return f"{value:.3g}{unit}" if value < 999.5 else f"{value:,.0f}{unit}"
    return f"{number:,.0f}"


def gib(count: int) -> str:
    """Write a number of bytes: `1.5 GiB`."""
    return f"{count / 2**30:,.1f} GiB"


def binary(count: float) -> str:
    """Write a number of bytes in the unit that fits: `14.5 MiB`, `1.5 GiB`."""
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= 0.9995 * size:
            return f"{count / size:,.1f} {unit}"
    return f"{count:,.0f} B"


def duration(seconds: float) -> str:
    """Write a length of time: `48.2 s`, `3 min 20 s`, `2 h 5 min`."""
    if seconds < 59.95:  # below what `.1f` rounds to 60.0
        return f"{seconds:.1f} s"
    minutes, rest = divmod(round(seconds), 60)
    if minutes < 60:
        return f"{minutes} min {rest} s"
    return f"{minutes // 60:,} h {minutes % 60} min"


def short_duration(seconds: float) -> str:
    """Write a length of time that may be far below a second: `11.3 ms`, `48.2 s`."""
    return duration(seconds) if seconds >= 1 else f"{1000 * seconds:.3g} ms"


def clock(seconds: float) -> str:
    """Write a length of time in the width of a clock: `3:20`, `2:05:00`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"


def number(value: float | None, form: str) -> str:
    """Write a number in a form of `format`, such as `.2f` or `,.0f`."""
    return "" if value is None else f"{value:{form}}"


def score(value: float | None) -> str:
    """Write a score: `0.7422`."""
    return number(value, ".4f")


def usd(value: float | None) -> str:
    """Write an amount of US dollars: `$0.0031`, `$12.50`."""
    if value is None:
        return ""
    return f"${value:.2f}" if value >= 10 else f"${value:.4f}"


def interval(mean: float, low: float, high: float, form: str = ".4f") -> str:
    """Write a mean with its interval: `0.7422 (0.7381-0.7471)`.

    One value, or equal ones, have no spread to resample: the mean stands alone.
    """
    return f"{mean:{form}}" + (f" ({low:{form}}-{high:{form}})" if low < high else "")


def plural(count: int, noun: str) -> str:
    """Write a count with its noun: `1 repeat`, `1,200 repeats`."""
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def listed(names: Sequence[str], limit: int = 5) -> str:
    """Join names: `a, b and 3 more`."""
    more = len(names) - limit
    return ", ".join(names[:limit]) + (f" and {more:,} more" if more > 0 else "")


def decimals(values: Iterable[float | None]) -> int:
    """Return with how many decimals a column is written, so that the decimal points are aligned.

    The largest absolute value gets three significant digits; whole numbers get no decimals.
    """
    known = [abs(value) for value in values if value is not None and math.isfinite(value)]
    largest = max(known, default=0.0)
    if all(value == round(value) for value in known):
        return 0
    return min(4, max(0, _DIGITS - 1 - math.floor(math.log10(largest))))


def aligned(values: Sequence[float | None]) -> list[str]:
    """Write a column of numbers with the same number of decimals, a comma every three digits."""
    places = decimals(values)
    return [number(value, f",.{places}f") for value in values]
