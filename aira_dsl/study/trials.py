"""One record of a trial, and the trial table: one row a trial."""

import csv
import io
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field

from aira_dsl.agents.attempt import Attempt

WALL_CLOCK_COLUMNS = ("seconds", "cached")
"""The columns in which two searches with the same seed may differ."""


@dataclass(frozen=True)
class Trial:
    """One trial.

    Attributes:
        number: the trial's number in the study.
        state: Optuna's word: COMPLETE, PRUNED, FAIL or RUNNING.
        layers: block names, first layer first.
        pattern: the layers in the pattern notation.
        fingerprint: the architecture's identity.
        score: validation score, None unless COMPLETE.
        test_score: score on the test split; only the winners have one.
        confirmed: mean validation score with other seeds; only the winners have one.
        repeats: validation scores with other seeds, by seed; former winners keep theirs.
        seconds: what the evaluation took when it was computed.
        cached: whether it came from the store.
        parameters: learnable parameters without embedding and head.
        training_flops: FLOPs per token of a training step.
        status: `ok`, or how the evaluation failed.
        message: what happened, for a failure.
        tasks: token accuracy by task.
        operation: of an agent: draft, improve, debug or crossover; empty for a sampler.
        parents: the trials that the agent started from.
        hypothesis: why the agent proposed it.
        duplicates: proposals for it that repeated an earlier trial, by a sampler or an agent.
        calls: the agent's calls for it, repairs included.
        facts: what a judge measured besides the score; empty for an architecture.
    """

    number: int
    state: str
    layers: tuple[str, ...]
    pattern: str
    fingerprint: str
    score: float | None
    test_score: float | None
    confirmed: float | None
    repeats: dict[str, float | None]
    seconds: float | None
    cached: bool
    parameters: int
    training_flops: int
    status: str
    message: str
    tasks: dict[str, float]
    operation: str = ""
    parents: tuple[int, ...] = ()
    hypothesis: str = ""
    duplicates: int = 0
    calls: tuple[Attempt, ...] = ()
    facts: dict[str, float | int | str | None] = field(default_factory=dict)

    @property
    def tokens(self) -> int:
        """Tokens of all calls."""
        return sum(call.usage.total for call in self.calls)

    @property
    def usd(self) -> float | None:
        """What the calls cost; None if a price is not known."""
        costs = [call.usd for call in self.calls if call.usd is not None]
        return sum(costs) if len(costs) == len(self.calls) else None


def as_json(table: Sequence[Trial]) -> str:
    """Write the table as a JSON list of objects."""
    records = [
        {**asdict(row), "calls": [call.model_dump(mode="json") for call in row.calls]}
        for row in table
    ]
    return json.dumps(records, indent=1, ensure_ascii=False) + "\n"


def as_csv(table: Sequence[Trial]) -> str:
    """Write the table as CSV; layers joined by `-`, one column a task and a fact."""
    tasks = sorted({task for row in table for task in row.tasks})
    nested = ("tasks", "repeats", "calls", "facts")
    plain = [name for name in Trial.__dataclass_fields__ if name not in nested]
    text = io.StringIO()
    heads = [*plain, "tokens", "usd", *tasks]
    facts = dict.fromkeys(name for row in table for name in row.facts if name not in heads)
    writer = csv.DictWriter(text, [*heads, *facts], lineterminator="\n")
    writer.writeheader()
    for row in table:
        values = {name: getattr(row, name) for name in plain}
        joined = {
            "layers": "-".join(row.layers),
            "parents": " ".join(map(str, row.parents)),
            "hypothesis": _plain_cell(row.hypothesis),
            "message": _plain_cell(row.message),
            "tokens": row.tokens,
            "usd": row.usd,
        }
        measured = {name: _fact_cell(row.facts.get(name)) for name in facts}
        writer.writerow({**values, **joined, **row.tasks, **measured})
    return text.getvalue()


def _fact_cell(value: float | str | None) -> float | str | None:
    return _plain_cell(value) if isinstance(value, str) else value


def _plain_cell(text: str) -> str:
    """Keep a spreadsheet from reading a text of somebody else's as a formula."""
    return f"'{text}" if text.startswith(("=", "+", "-", "@")) else text
