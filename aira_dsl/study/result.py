"""What a search found."""

from dataclasses import dataclass
from pathlib import Path

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.study.arrangements import architecture_of
from aira_dsl.study.loop import Search
from aira_dsl.study.noise import noise_of
from aira_dsl.study.plan import SearchPlan
from aira_dsl.study.selection import best
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the architecture with the best validation score, or None if every trial failed.
        score: its validation score, for which it was chosen.
        confirmed: its mean validation score with other seeds; None without repeats.
        test_score: its score on the test split, which the search did not see.
        rows: the trial table.
        direction: `maximize` or `minimize`: which way scores get better.
        noise: of a score near the best one, with its origin; None if it is not known.
        folder: where all of it is written.
        ended: why it stopped before the budget was met; empty if it did not.
    """

    best: Architecture | None
    score: float | None
    confirmed: float | None
    test_score: float | None
    rows: list[Trial]
    direction: Direction
    noise: Noise | None
    folder: Path
    ended: str


def summarise(search: Search[Architecture], plan: SearchPlan, folder: Path) -> SearchResult:
    """Read the result of a search from its journal."""
    journal, space, direction = search.journal, plan.space, plan.settings.direction
    trials = journal.records(search.limits.winners)
    first = best(trials, direction)
    return SearchResult(
        best=architecture_of(space, journal.snapshot[first.number], name="best") if first else None,
        score=first.score if first else None,
        confirmed=first.confirmed if first else None,
        test_score=first.test_score if first else None,
        rows=trials,
        direction=direction,
        noise=noise_of(trials, plan.settings.evaluator, plan.table),
        folder=folder,
        ended=search.ended,
    )
