"""What a search found."""

from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aira_dsl.architecture import Architecture
from aira_dsl.space import Space
from aira_dsl.study.journal import Journal
from aira_dsl.study.loop import ranked
from aira_dsl.study.samplers import layers_of
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.table import Row, rows


@dataclass(frozen=True)
class SearchResult:
    """What a search found.

    Attributes:
        best: the architecture with the best validation score, or None if every trial failed.
        score: its validation score.
        test_score: its score on the test split, which the search did not see.
        rows: the trial table.
        direction: `maximize` or `minimize`: which way scores get better.
        folder: where all of it is written.
        exhausted: whether the space ran out of arrangements before the budget did.
    """

    best: Architecture | None
    score: float | None
    test_score: float | None
    rows: list[Row]
    direction: Literal["maximize", "minimize"]
    folder: Path
    exhausted: bool


def summarise(
    space: Space, settings: SearchSettings, journal: Journal, folder: Path, *, exhausted: bool
) -> SearchResult:
    """Read the result of a search from its journal."""
    tests = journal.noted("test_scores", {})
    direction = settings.evaluator.direction
    best = next(iter(ranked(journal.trials(), direction)), None)
    return SearchResult(
        best=space.architecture(layers_of(best), name="best") if best else None,
        score=best.value if best else None,
        test_score=tests.get(best.user_attrs["fingerprint"]) if best else None,
        rows=rows(journal.trials(), tests),
        direction=direction,
        folder=folder,
        exhausted=exhausted,
    )
