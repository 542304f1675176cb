"""The search of an agent: the tree of its trials, and the cost of its proposals."""

from collections.abc import Sequence
from dataclasses import dataclass

from aira_dsl.experiments.comparison.summary import is_usable
from aira_dsl.report.html.text import clean
from aira_dsl.study.trials import Trial

INDENTS = 6
"""Levels of indentation: deeper trials are drawn at the last one, to stay on the page."""


@dataclass(frozen=True)
class CallFacts:
    """One call for a proposal: its cost, and why its answer was rejected."""

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
        pattern: what it is, in a line; empty without a usable proposal.
        score: None if it has none.
        gain: difference to the score of its best parent; positive is better.
        hypothesis: why the model proposed it.
        trouble: why there is no score.
        calls: the calls for it.
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
    calls: tuple[CallFacts, ...]

    @property
    def indent(self) -> int:
        """The level at which it is drawn."""
        return min(self.depth, INDENTS)


@dataclass(frozen=True)
class AgentTotals:
    """Totals of the proposals of a search.

    Attributes:
        proposals: trials of the agent.
        usable: those with a candidate to evaluate.
        usable_at_once: those whose first answer was accepted.
        calls: requests, repairs included.
        repairs: requests that returned a rejected answer.
        duplicates: answers with a candidate that had been tried.
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
    """Return the totals; None if no trial belongs to an agent."""
    asked = [row for row in rows if row.operation]
    if not asked:
        return None
    calls = [call for row in asked for call in row.calls]
    return AgentTotals(
        proposals=len(asked),
        usable=sum(map(is_usable, asked)),
        usable_at_once=sum(is_usable(row) and not _first_was_rejected(row) for row in asked),
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


def _first_was_rejected(row: Trial) -> bool:
    return bool(row.calls) and bool(row.calls[0].complaint)


def steps(rows: Sequence[Trial], *, sign: int) -> list[Step]:
    """Return the trials of an agent, each after its first parent and before its later siblings.

    Args:
        rows: the trials.
        sign: 1 if larger scores are better, else -1.
    """
    known = {row.number: row for row in rows if row.operation}
    children: dict[int | None, list[Trial]] = {}
    for row in known.values():
        parent = next((number for number in row.parents if number in known), None)
        # Parents are earlier trials; a damaged file must not lead to a cycle.
        children.setdefault(
            parent if parent is not None and parent < row.number else None, []
        ).append(row)
    waiting = [(row, 0) for row in reversed(children.get(None, []))]
    found = []
    while waiting:  # not recursive: chains can be longer than Python's stack
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
            CallFacts(
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
    """Return why a trial has no score."""
    if row.state == "RUNNING":
        return "still running"
    names_it = row.message.startswith(f"{row.status}:")
    told = row.message if names_it else ": ".join(filter(None, (row.status, row.message)))
    last = row.calls[-1].complaint if row.calls else ""
    return clean(told or last or row.state.lower())
