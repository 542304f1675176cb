"""The pictures of one run: its running best among all scores, and the tree that an agent grew."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.html.chart import WIDE, Frame, path, span_of, stairs
from aira_dsl.report.html.run_facts import RunFacts
from aira_dsl.report.html.shades import Shade
from aira_dsl.report.html.text import clean
from aira_dsl.study.run import RunOf
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
    """Every score, the best so far, and what noise explains.

    Attributes:
        frame: the plot's area.
        marks: the trials.
        line: the best so far.
        best: where the best stands by the mean of its repeats, if it was repeated.
        band: upper and lower edge of the shade.
        label: what the shade is.
        baseline: height of the mean of the baseline, and of each of its scores; empty without one.
        thinned: whether some dots were left out.
        description: the picture in words.
    """

    frame: Frame
    marks: tuple[Mark, ...]
    line: str
    best: tuple[float, float] | None
    band: tuple[float, float] | None
    label: str
    baseline: tuple[float, ...]
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


def curve(
    run: RunOf[Any], found: RunFacts[Any], shade: Shade | None, width: int = WIDE
) -> Curve | None:
    """Place a run's scores; None if no trial has finished.

    Args:
        run: the run.
        found: what is known of it.
        shade: what noise explains; None if the noise is not known.
        width: of the picture, in CSS pixels.
    """
    rows = finished(run)
    if not rows:
        return None
    baseline = shade.baseline if shade else ()
    frame = _frame(rows, found, width, baseline)
    every = -(-len(rows) // DOTS)
    points = [
        (frame.x(place), frame.y(value))
        for place, value in enumerate(found.running_best, 1)
        if value is not None
    ]
    best = found.top[0] if found.top else None
    places = {row.number: place for place, row in enumerate(rows, 1)}
    confirmed = best and best.confirmed is not None
    return Curve(
        frame=frame,
        marks=_marks(rows, frame)[::every],
        line=path(stairs(points, frame.right)),
        best=(frame.x(places[best.number]), frame.y(best.value)) if best and confirmed else None,
        band=_band(frame, shade) if shade else None,
        label=shade.label if shade else "",
        baseline=tuple(map(frame.y, (statistics.fmean(baseline), *baseline))) if baseline else (),
        thinned=every > 1,
        description=_description(rows, found, shade),
    )


def _band(frame: Frame, shade: Shade) -> tuple[float, float]:
    low, high = frame.y_range
    upper, lower = shade.middle + shade.margin, shade.middle - shade.margin
    return frame.y(min(high, upper)), frame.y(max(low, lower))


def tree(run: RunOf[Any], found: RunFacts[Any]) -> Tree | None:
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


def _frame(
    rows: Sequence[Trial], found: RunFacts[Any], width: int, baseline: Sequence[float] = ()
) -> Frame:
    scores = [*baseline, *(row.score for row in rows if row.score is not None)]
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


def _description(rows: Sequence[Trial], found: RunFacts[Any], shade: Shade | None) -> str:
    unscored = sum(row.score is None for row in rows)
    text = f"{len(rows):,} evaluations, {unscored:,} of them without a score."
    if not found.top:
        return text
    first = next(value for value in found.running_best if value is not None)
    last = found.running_best[-1]
    assert last is not None
    text += f" The best score so far goes from {first:.4f} to {last:.4f}."
    return f"{text} {shade.sentence}" if shade else text
