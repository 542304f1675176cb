"""The pictures of a comparison: best so far by method, and the final scores."""

from collections.abc import Mapping
from dataclasses import dataclass

from aira_dsl.experiments.comparison import Comparison, Interval
from aira_dsl.report.html.chart import LEFT, WIDE, Frame, path, span_of
from aira_dsl.report.html.text import clean

HEIGHT = 380
ROW, NAME = 34, 7
LONGEST = 34
"""Characters of a name beside its row."""

COLORS, DASHES = 6, 6
"""What the style sheet has of each; together they tell 36 methods apart."""


@dataclass(frozen=True)
class Trace:
    """A method's curve: its line, the band around it, and the CSS classes of its look."""

    name: str
    look: str
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
    look: str
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


def look(place: int) -> str:
    """Return the CSS classes of a method's color and dash, different for the first 36 methods."""
    return f"color{place % COLORS} dash{(place + place // COLORS) % DASHES}"


def race(found: Comparison, width: int = WIDE) -> Race | None:
    """Place the curves; None if no method has one."""
    curves = {name: _points(method.curve) for name, method in found.methods.items()}
    edges = [
        edge for points in curves.values() for p in points.values() for edge in (p.low, p.high)
    ]
    if not edges:
        return None
    frame = Frame(width, HEIGHT, (0.5, found.budget + 0.5), span_of(edges))
    floor = _floor(found)
    ends = [curves[name][max(curves[name])].mean for name in best_first(found) if curves[name]]
    return Race(
        frame=frame,
        traces=tuple(
            _trace(name, look(place), points, frame)
            for place, (name, points) in enumerate(curves.items())
        ),
        floor=_edges(frame, ends[0], floor) if ends and floor else None,
        floor_value=floor,
        description=_told(curves),
    )


def _points(curve: tuple[Interval | None, ...]) -> dict[int, Interval]:
    return {place: point for place, point in enumerate(curve, 1) if point is not None}


def _trace(name: str, classes: str, points: Mapping[int, Interval], frame: Frame) -> Trace:
    upper = [(frame.x(place), frame.y(point.high)) for place, point in points.items()]
    lower = [(frame.x(place), frame.y(point.low)) for place, point in points.items()]
    line = [(frame.x(place), frame.y(point.mean)) for place, point in points.items()]
    return Trace(clean(name), classes, path(line), path([*upper, *reversed(lower)]))


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


def finals(found: Comparison, width: int = WIDE) -> Finals | None:
    """Place the final scores; None if there are none. A narrow picture has the names inside."""
    order = best_first(found)
    if not order:
        return None
    looks = {name: look(place) for place, name in enumerate(found.methods)}
    values = [r.final for name in order for r in found.methods[name].runs if r.final is not None]
    named = tuple(_short(clean(name)) for name in reversed(order))
    height, rows_range = ROW * len(order) + 70, (-0.6, len(order) - 0.4)
    inside = width < WIDE
    left = LEFT // 3 if inside else 24 + NAME * max(map(len, named))
    frame = Frame(
        width, height, span_of(values), rows_range, rows=named, left=left, names_inside=inside
    )
    rows = tuple(
        _row(found, name, looks[name], frame, place) for place, name in enumerate(reversed(order))
    )
    told = [
        f"{clean(name)} {m.mean:.4f} ({m.low:.4f} to {m.high:.4f})"
        for name in order
        if (m := found.methods[name].final) is not None
    ]
    return Finals(frame, rows, "; ".join(told) + ".")


def _row(found: Comparison, name: str, classes: str, frame: Frame, place: int) -> Final:
    method = found.methods[name]
    assert method.final is not None
    return Final(
        name=clean(name),
        look=classes,
        y=frame.y(place),
        low=frame.x(method.final.low),
        mean=frame.x(method.final.mean),
        high=frame.x(method.final.high),
        runs=tuple(frame.x(run.final) for run in method.runs if run.final is not None),
    )


def _short(name: str) -> str:
    """Cut a long name in the middle: agents differ in their policy and in the end of a model."""
    return name if len(name) <= LONGEST else f"{name[:12]}…{name[13 - LONGEST :]}"
