"""The numbers that the pages of all kinds of runs share, as values that are JSON."""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Generic, TypeVar

from aira_dsl.evaluation.direction import Direction
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.html.agent_trace import AgentTotals, agent_totals
from aira_dsl.report.html.text import clean
from aira_dsl.report.terminal.ranking import not_different
from aira_dsl.study.run import RunOf
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial

SHOWN = 5
"""Of the best candidates."""


@dataclass(frozen=True)
class Winner:
    """One of the best candidates.

    Attributes:
        number: of its trial.
        pattern: what it is, in a line.
        score: validation score of the run.
        confirmed: mean with other seeds, None without repeats.
        repeats: those scores, by seed.
        test_score: on the split that the run did not see.
        hypothesis: why an agent proposed it.
    """

    number: int
    pattern: str
    score: float
    confirmed: float | None
    repeats: dict[str, float | None]
    test_score: float | None
    hypothesis: str

    @property
    def value(self) -> float:
        """What it is ranked by."""
        return self.score if self.confirmed is None else self.confirmed


W = TypeVar("W", bound=Winner)


@dataclass(frozen=True)
class RunFacts(Generic[W]):
    """What is known of a run of any kind.

    Attributes:
        searcher, direction, seed: how it was made.
        identity: of the run.
        trials: finished ones: the budget that was spent.
        outcomes: how they ended.
        seconds: wall-clock time.
        noise: standard deviation of a score between seeds, if it is known.
        noise_basis: the data it was measured from, in words.
        pair_margin: difference of two scores with one seed above which it is significant.
        top: the best candidates, best first.
        undecided: winners that are not significantly different from the best.
        running_best: the best score after each finished trial; None before the first.
        agent: what an agent's proposals came to.
    """

    searcher: str
    direction: Direction
    seed: int
    identity: str
    trials: int
    outcomes: dict[str, int]
    seconds: float
    noise: float | None
    noise_basis: str
    pair_margin: float | None
    top: tuple[W, ...]
    undecided: tuple[int, ...]
    running_best: tuple[float | None, ...]
    agent: AgentTotals | None


def run_facts(run: RunOf[Any], told: Callable[[Trial], W]) -> RunFacts[W]:
    """Read off a run what the pages of all kinds of runs say.

    Args:
        run: the run.
        told: returns what a page says of one of the best candidates.
    """
    settings, noise = run.settings, run.noise
    done = finished(run)
    order = rank(done, run.direction)
    close = not_different(order, noise) if order and noise else []
    return RunFacts(
        searcher=settings.searcher,
        direction=run.direction,
        seed=settings.seed,
        identity=settings.identity,
        trials=len(done),
        outcomes=dict(Counter(clean(row.status or row.state.lower()) for row in done)),
        seconds=run.seconds,
        noise=noise.value if noise else None,
        noise_basis=clean(noise.basis) if noise else "",
        pair_margin=noise.paired_margin(1) if noise else None,
        top=tuple(map(told, order[:SHOWN])),
        undecided=tuple(row.number for row in close),
        running_best=running_best(done, run.direction),
        agent=agent_totals(done),
    )


def winner(row: Trial) -> Winner:
    """Return what the pages of all kinds of runs say of a trial with a score."""
    assert row.score is not None
    return Winner(
        number=row.number,
        pattern=clean(row.pattern),
        score=row.score,
        confirmed=row.confirmed,
        repeats=row.repeats,
        test_score=row.test_score,
        hypothesis=clean(row.hypothesis).strip(),
    )


def running_best(rows: Sequence[Trial], direction: Direction) -> tuple[float | None, ...]:
    """Return the best score after each trial."""

    def best_of(a: float | None, b: float | None) -> float | None:
        return direction.best(value for value in (a, b) if value is not None)

    return tuple(accumulate((row.score for row in rows), best_of))
