"""The pictures of a comparison: best so far by method, and the final scores."""

from collections.abc import Mapping
from dataclasses import dataclass

from aira_dsl.experiments.comparison import Comparison, Interval
from aira_dsl.report.html.chart import Frame, path, span_of
from aira_dsl.report.html.text import clean

WIDTH, HEIGHT = 760, 380
ROW, NAME = 34, 7
LOOKS = 6
"""Colors and dashes there are; a seventh method looks like the first and is told by its name."""


@dataclass(frozen=True)
class Trace:
    """A method's curve: its line, the band around it, and the number of its look."""

    name: str
    look: int
    line: str
    band: str


@dataclass(frozen=True)
class Race:
    """All curves.

    Attributes:
        frame: the plot's area.
        traces: one a method.
        floor: upper and lower edge around the end of the leading curve within which noise alone may
            have made the difference of two final means; None if the noise is not known.
        floor_value: half the height of that.
        description: the picture in words.
    """

    frame: Frame
    traces: tuple[Trace, ...]
    floor: tuple[float, float] | None
    floor_value: float | None
    description: str


@dataclass(frozen=True)
class Final:
    """A row of the dot plot: a method's interval, its mean, its runs."""

    name: str
    look: int
    y: float
    low: float
    mean: float
    high: float
    runs: tuple[float, ...]


@dataclass(frozen=True)
class Finals:
    """The final scores of all methods, the best one on top."""

    frame: Frame
    rows: tuple[Final, ...]
    description: str


def race(found: Comparison) -> Race | None:
    """Place the curves; None if no method has one."""
    curves = {name: _points(method.curve) for name, method in found.methods.items()}
    edges = [
        edge for points in curves.values() for p in points.values() for edge in (p.low, p.high)
    ]
    if not edges:
        return None
    frame = Frame(WIDTH, HEIGHT, (0.5, found.budget + 0.5), span_of(edges))
    floor = _floor(found)
    ends = [curves[name][max(curves[name])].mean for name in best_first(found) if curves[name]]
    return Race(
        frame=frame,
        traces=tuple(
            _trace(name, look, points, frame) for look, (name, points) in enumerate(curves.items())
        ),
        floor=_edges(frame, ends[0], floor) if ends and floor else None,
        floor_value=floor,
        description=_told(curves),
    )


def _points(curve: tuple[Interval | None, ...]) -> dict[int, Interval]:
    return {place: point for place, point in enumerate(curve, 1) if point is not None}


def _trace(name: str, look: int, points: Mapping[int, Interval], frame: Frame) -> Trace:
    upper = [(frame.x(place), frame.y(point.high)) for place, point in points.items()]
    lower = [(frame.x(place), frame.y(point.low)) for place, point in points.items()]
    line = [(frame.x(place), frame.y(point.mean)) for place, point in points.items()]
    return Trace(clean(name), look % LOOKS, path(line), path([*upper, *reversed(lower)]))


def best_first(found: Comparison) -> list[str]:
    """Return the methods with final scores by their means."""
    finals = {name: m.final.mean for name, m in found.methods.items() if m.final is not None}
    return sorted(finals, key=lambda name: -found.direction.sign * finals[name])


def _floor(found: Comparison) -> float | None:
    order = best_first(found)
    floors = found.noise_floor[order[0]].values() if order else ()
    return max((floor for floor in floors if floor is not None), default=None)


def _edges(frame: Frame, middle: float, floor: float) -> tuple[float, float]:
    low, high = frame.y_range
    upper, lower = (max(low, min(high, middle + side * floor)) for side in (1, -1))
    return frame.y(upper), frame.y(lower)


def _told(curves: Mapping[str, Mapping[int, Interval]]) -> str:
    parts = [
        f"{clean(name)} ends at {points[max(points)].mean:.4f} "
        f"({points[max(points)].low:.4f} to {points[max(points)].high:.4f})"
        for name, points in curves.items()
        if points
    ]
    return "; ".join(parts) + "."


def finals(found: Comparison) -> Finals | None:
    """Place the final scores; None if there are none."""
    order = best_first(found)
    if not order:
        return None
    looks = {name: place % LOOKS for place, name in enumerate(found.methods)}
    values = [r.final for name in order for r in found.methods[name].runs if r.final is not None]
    named = tuple(_short(clean(name)) for name in reversed(order))
    height, rows_range = ROW * len(order) + 70, (-0.6, len(order) - 0.4)
    left = 24 + NAME * max(map(len, named))
    frame = Frame(WIDTH, height, span_of(values), rows_range, rows=named, left=left)
    rows = tuple(
        _row(found, name, looks[name], frame, place) for place, name in enumerate(reversed(order))
    )
    told = [
        f"{clean(name)} {m.mean:.4f} ({m.low:.4f} to {m.high:.4f})"
        for name in order
        if (m := found.methods[name].final) is not None
    ]
    return Finals(frame, rows, "; ".join(told) + ".")


def _row(found: Comparison, name: str, look: int, frame: Frame, place: int) -> Final:
    method = found.methods[name]
    assert method.final is not None
    return Final(
        name=clean(name),
        look=look,
        y=frame.y(place),
        low=frame.x(method.final.low),
        mean=frame.x(method.final.mean),
        high=frame.x(method.final.high),
        runs=tuple(frame.x(run.final) for run in method.runs if run.final is not None),
    )


def _short(name: str) -> str:
    return name if len(name) <= 26 else name[:25] + "…"
