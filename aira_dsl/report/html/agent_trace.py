"""An agent's search: who came from whom and why, and what the proposals cost."""

from collections.abc import Sequence
from dataclasses import dataclass

from aira_dsl.experiments.comparison.summary import UNUSABLE
from aira_dsl.report.html.text import clean
from aira_dsl.study.trials import Trial

INDENTS = 6
"""Levels that are drawn as such: a chain of a hundred improvements would leave the page."""


@dataclass(frozen=True)
class Question:
    """One call of a proposal: what it cost, and why its answer could not be used."""

    model: str
    tokens: int
    usd: float | None
    seconds: float
    code: str
    complaint: str


@dataclass(frozen=True)
class Step:
    """A trial in its place in the search tree.

    Attributes:
        number: of the trial.
        operation: draft, improve, debug or crossover.
        parents: the trials it was made from.
        depth: distance from its draft; the first parent counts.
        pattern: its layers; empty if no proposal could be used.
        score: None if it has none.
        gain: by how much its score is better than its best parent's.
        hypothesis: why it was proposed.
        trouble: why there is no score.
        calls: the agent's calls for it.
    """

    number: int
    operation: str
    parents: tuple[int, ...]
    depth: int
    pattern: str
    score: float | None
    gain: float | None
    hypothesis: str
    trouble: str
    calls: tuple[Question, ...]

    @property
    def indent(self) -> int:
        """The depth as far as it is drawn."""
        return min(self.depth, INDENTS)


@dataclass(frozen=True)
class AgentTotals:
    """What the proposals of a search came to.

    Attributes:
        proposals: trials that an agent was asked for.
        usable: those that ended with an architecture to evaluate.
        usable_at_once: those whose first answer could be used.
        calls: questions asked, repairs included.
        repairs: questions that handed a broken answer back.
        duplicates: answers refused because their arrangement was there already.
        input, cache_write, cache_read, output: tokens by kind.
        usd: cost of the calls with a known price.
        unpriced: calls without one.
        seconds: time spent on calls.
    """

    proposals: int
    usable: int
    usable_at_once: int
    calls: int
    repairs: int
    duplicates: int
    input: int
    cache_write: int
    cache_read: int
    output: int
    usd: float
    unpriced: int
    seconds: float

    @property
    def tokens(self) -> int:
        """All tokens."""
        return self.input + self.cache_write + self.cache_read + self.output


def agent_totals(rows: Sequence[Trial]) -> AgentTotals | None:
    """Add up what the agent's trials report; None if no agent had a part in it."""
    asked = [row for row in rows if row.operation]
    if not asked:
        return None
    calls = [call for row in asked for call in row.calls]
    return AgentTotals(
        proposals=len(asked),
        usable=sum(map(_usable, asked)),
        usable_at_once=sum(_usable(row) and not _complained(row) for row in asked),
        calls=len(calls),
        repairs=sum(max(0, len(row.calls) - 1) for row in asked),
        duplicates=sum(call.code == "duplicate" for call in calls),
        input=sum(call.usage.input for call in calls),
        cache_write=sum(call.usage.cache_write for call in calls),
        cache_read=sum(call.usage.cache_read for call in calls),
        output=sum(call.usage.output for call in calls),
        usd=sum(call.usd for call in calls if call.usd is not None),
        unpriced=sum(call.usd is None for call in calls),
        seconds=sum(call.seconds for call in calls),
    )


def _usable(row: Trial) -> bool:
    return bool(row.layers) and row.status not in UNUSABLE


def _complained(row: Trial) -> bool:
    return bool(row.calls) and bool(row.calls[0].complaint)


def steps(rows: Sequence[Trial], *, sign: int) -> list[Step]:
    """Return an agent's trials, each after its first parent and before its younger siblings.

    Args:
        rows: the trials.
        sign: 1 if larger scores are better, else -1.
    """
    known = {row.number: row for row in rows if row.operation}
    children: dict[int | None, list[Trial]] = {}
    for row in known.values():
        parent = next((number for number in row.parents if number in known), None)
        # A trial comes from earlier ones; anything else is damage, and must not make a circle.
        children.setdefault(
            parent if parent is not None and parent < row.number else None, []
        ).append(row)
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    found = []
    while waiting:  # not recursive: chains may be long
        row, depth = waiting.pop()
        found.append(_step(row, depth, known, sign))
        waiting += [(child, depth + 1) for child in reversed(children.get(row.number, []))]
    return found


def _step(row: Trial, depth: int, known: dict[int, Trial], sign: int) -> Step:
    return Step(
        number=row.number,
        operation=clean(row.operation),
        parents=row.parents,
        depth=depth,
        pattern=clean(row.pattern),
        score=row.score,
        gain=_gain(row, known, sign),
        hypothesis=clean(row.hypothesis).strip(),
        trouble="" if row.score is not None else trouble(row),
        calls=tuple(
            Question(
                clean(c.model), c.usage.total, c.usd, c.seconds, clean(c.code), clean(c.complaint)
            )
            for c in row.calls
        ),
    )


def _gain(row: Trial, known: dict[int, Trial], sign: int) -> float | None:
    scores = [known[number].score for number in row.parents if number in known]
    parents = [sign * score for score in scores if score is not None]
    return sign * row.score - max(parents) if row.score is not None and parents else None


def trouble(row: Trial) -> str:
    """Say why a trial has no score."""
    if row.state == "RUNNING":
        return "still running"
    told = ": ".join(filter(None, (row.status, row.message)))
    last = row.calls[-1].complaint if row.calls else ""
    return clean(told or last or row.state.lower())
