"""The pictures of one run: its running best among all scores, and the tree that an agent grew."""

from collections.abc import Sequence
from dataclasses import dataclass

from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.html.chart import WIDE, Frame, path, span_of, stairs
from aira_dsl.report.html.run_facts import Facts
from aira_dsl.report.html.text import clean
from aira_dsl.study.run import Run
from aira_dsl.study.trials import Trial

HEIGHT = 340
DOTS = 4_000
"""Dots drawn at most: more hide each other."""
LETTERS = {"draft": "D", "improve": "I", "debug": "B", "crossover": "C"}
"""What marks an operation besides its color."""


@dataclass(frozen=True)
class Mark:
    """A trial in a picture.

    Attributes:
        x, y: where it stands.
        kind: what is drawn: `scored`, `failed` or `pruned`.
        letter, operation: of an agent's trial.
        number: of the trial.
    """

    x: float
    y: float
    kind: str
    letter: str = ""
    operation: str = ""
    number: int = 0


@dataclass(frozen=True)
class Curve:
    """Every score, the best so far, and the noise around the best.

    Attributes:
        frame: the plot's area.
        marks: the trials.
        line: the best so far.
        best: where the best stands by the mean of its repeats, if it was repeated.
        band: upper and lower edge of scores not significantly different from the best.
        thinned: whether some dots were left out.
        description: the picture in words.
    """

    frame: Frame
    marks: tuple[Mark, ...]
    line: str
    best: tuple[float, float] | None
    band: tuple[float, float] | None
    thinned: bool
    description: str


@dataclass(frozen=True)
class Tree:
    """An agent's trials, joined to those they came from.

    Attributes:
        frame: the plot's area.
        marks: the trials.
        edges: lines from parents to children.
        description: the picture in words.
    """

    frame: Frame
    marks: tuple[Mark, ...]
    edges: tuple[str, ...]
    description: str


def curve(run: Run, found: Facts, width: int = WIDE) -> Curve | None:
    """Place a run's scores; None if no trial has finished."""
    rows = finished(run)
    if not rows:
        return None
    frame = _frame(rows, found, width)
    every = -(-len(rows) // DOTS)
    points = [
        (frame.x(place), frame.y(value))
        for place, value in enumerate(found.running_best, 1)
        if value is not None
    ]
    best = found.top[0] if found.top else None
    band = None
    if best and found.margin is not None:
        low, high = frame.y_range
        edges = best.value + found.margin, best.value - found.margin
        band = frame.y(min(high, edges[0])), frame.y(max(low, edges[1]))
    places = {row.number: place for place, row in enumerate(rows, 1)}
    confirmed = best and best.confirmed is not None
    return Curve(
        frame=frame,
        marks=_marks(rows, frame)[::every],
        line=path(stairs(points, frame.right)),
        best=(frame.x(places[best.number]), frame.y(best.value)) if best and confirmed else None,
        band=band,
        thinned=every > 1,
        description=_description(rows, found),
    )


def tree(run: Run, found: Facts) -> Tree | None:
    """Place an agent's trials by number and score; None if no agent had a part in it."""
    rows = finished(run)
    if not any(row.operation for row in rows):
        return None
    frame = _frame(rows, found, max(WIDE, min(9_600, 24 * len(rows))))
    marks = _marks(rows, frame)
    at = {mark.number: mark for mark in marks}
    edges = [
        path([(at[parent].x, at[parent].y), (at[row.number].x, at[row.number].y)])
        for row in rows
        for parent in row.parents
        if parent in at
    ]
    description = (
        f"{len(rows):,} trials from left to right at the height of their scores, joined to the "
        "trials they were made from. The list below says the same in words."
    )
    return Tree(frame, marks, tuple(edges), description)


def _frame(rows: Sequence[Trial], found: Facts, width: int) -> Frame:
    scores = [row.score for row in rows if row.score is not None]
    if found.top:
        scores.append(found.top[0].value)
    lane = any(row.score is None for row in rows)
    return Frame(width, HEIGHT, (0.5, len(rows) + 0.5), span_of(scores), lane)


def _marks(rows: Sequence[Trial], frame: Frame) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            x=frame.x(place),
            y=frame.lane_middle if row.score is None else frame.y(row.score),
            kind="scored" if row.score is not None else _ending(row),
            letter=LETTERS.get(row.operation, ""),
            operation=clean(row.operation) if row.operation in LETTERS else "",
            number=row.number,
        )
        for place, row in enumerate(rows, 1)
    )


def _ending(row: Trial) -> str:
    return "pruned" if row.state == "PRUNED" else "failed"


def _description(rows: Sequence[Trial], found: Facts) -> str:
    unscored = sum(row.score is None for row in rows)
    text = f"{len(rows):,} evaluations, {unscored:,} of them without a score."
    if not found.top:
        return text
    first = next(value for value in found.running_best if value is not None)
    last = found.running_best[-1]
    assert last is not None
    text += f" The best score so far goes from {first:.4f} to {last:.4f}."
    if found.margin is not None:
        text += (
            f" Within {found.margin:.4f} of {found.top[0].value:.4f}, one evaluation is not "
            "significantly different from the best."
        )
    return text
