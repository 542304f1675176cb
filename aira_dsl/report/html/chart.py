"""The geometry of a picture: frames, ticks, paths. The templates draw it.

A picture is made twice, `WIDE` and `NARROW`; the style sheet shows the one that fits the screen, so
that text keeps its size on a phone.
"""

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

WIDE, NARROW = 760, 340
"""Widths of a picture, in CSS pixels: for screens from 640 pixels on, and for narrower ones."""
LEFT, RIGHT, TOP, BOTTOM = 62, 16, 14, 44
LANE = 26
"""Height of the strip under the plot for what has no score."""


@dataclass(frozen=True)
class Tick:
    """A labelled place on an axis."""

    at: float
    label: str


@dataclass(frozen=True)
class Frame:
    """A plot's area: evaluations from left to right, scores from bottom to top.

    Attributes:
        width, height: of the picture.
        x_range, y_range: values at the edges of the plot.
        lane: whether there is a strip below for what has no score.
        rows: names of the rows, where these and not scores go upwards.
        left: where the plot begins.
        names_inside: whether the names of rows are inside the plot, above their rows.
    """

    width: int
    height: int
    x_range: tuple[float, float]
    y_range: tuple[float, float]
    lane: bool = False
    rows: tuple[str, ...] = ()
    left: int = LEFT
    names_inside: bool = False

    @property
    def right(self) -> int:
        """Where it ends."""
        return self.width - RIGHT

    @property
    def top(self) -> int:
        """Its upper edge."""
        return TOP

    @property
    def bottom(self) -> int:
        """Its lower edge."""
        return self.height - BOTTOM - (LANE if self.lane else 0)

    @property
    def lane_middle(self) -> float:
        """Where things without a score stand."""
        return self.bottom + LANE / 2

    def x(self, value: float) -> float:
        """Return how far right a value stands."""
        return self._place(value, self.x_range, self.left, self.right)

    def y(self, value: float) -> float:
        """Return how far down a value stands."""
        return self._place(value, self.y_range, self.bottom, self.top)

    @staticmethod
    def _place(value: float, span: tuple[float, float], start: float, end: float) -> float:
        low, high = span
        return round(start + (value - low) / (high - low) * (end - start), 1)

    @property
    def x_ticks(self) -> list[Tick]:
        """Places of whole numbers, or of scores if the names of rows go upwards."""
        count = max(2, (self.right - self.left) // 90)
        if self.rows:
            return _scores(self.x_range, self.x, count)
        return [Tick(self.x(v), f"{v:,.0f}") for v in ticks(self.x_range, count=count, whole=True)]

    @property
    def y_ticks(self) -> list[Tick]:
        """Places of scores, or of the names of rows."""
        if self.rows:
            return [Tick(self.y(row), name) for row, name in enumerate(self.rows)]
        return _scores(self.y_range, self.y)


def _scores(
    span: tuple[float, float], place: Callable[[float], float], count: int = 6
) -> list[Tick]:
    values = ticks(span, count=count)
    step = min((b - a for a, b in pairwise(values)), default=1.0)
    decimals = max(0, -math.floor(math.log10(step) + 1e-9))
    return [Tick(place(value), f"{value:.{decimals}f}") for value in values]


def span_of(values: Iterable[float], *, margin: float = 0.06) -> tuple[float, float]:
    """Return a range that holds the values with some air; never an empty one."""
    known = list(values)
    low, high = min(known, default=0.0), max(known, default=1.0)
    air = (high - low) * margin or max(abs(high), 1e-3) * margin
    return low - air, high + air


def ticks(span: tuple[float, float], *, count: int = 6, whole: bool = False) -> list[float]:
    """Return round values within a range, about `count` of them."""
    low, high = span
    rough = (high - low) / count
    power = 10 ** math.floor(math.log10(rough))
    step = next(f * power for f in (1, 2, 5, 10) if f * power >= rough * 0.999)
    step = max(1.0, round(step)) if whole else step
    first = math.ceil(low / step - 1e-9)
    return [round(k * step, 10) for k in range(first, math.floor(high / step + 1e-9) + 1)]


def path(points: Sequence[tuple[float, float]]) -> str:
    """Write a line through places."""
    return "M" + "L".join(f"{x:g} {y:g}" for x, y in points) if points else ""


def stairs(points: Sequence[tuple[float, float]], end: float) -> list[tuple[float, float]]:
    """Return the corners of steps: each value holds until the next one, the last until `end`."""
    corners: list[tuple[float, float]] = []
    for x, y in points:
        if corners:
            corners.append((x, corners[-1][1]))
        corners.append((x, y))
    return [*corners, (end, corners[-1][1])] if corners else []
