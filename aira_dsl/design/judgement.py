"""The result of judging a candidate."""

from dataclasses import dataclass, field
from typing import Literal, get_args

from pydantic import Field

from aira_dsl.evaluation.result import Evaluation, Status

Fact = float | int | str | None

Failure = Literal["refused", "diverged", "out of memory", "over time", "crashed", "invalid"]
"""Status of a candidate without a score:

- `refused`: it breaks a rule of the task, such as reading later tokens
- `diverged`: it computes NaN
- `out of memory`, `over time`: it reached a limit
- `crashed`: it ended with an exception or a signal, or ended too early
- `invalid`: its files are not those of a candidate, so that it never ran
"""


class Judgement(Evaluation):
    """The score of a candidate, computed by the judge, or the reasons why it has none.

    `fingerprint` is the identity of its files; `tasks` is empty.

    Attributes:
        reasons: why it has no score, the first one also in `message`; empty for the status `ok`.
        facts: what the judge measured: `parameters`, `startup_seconds`, `training_seconds`,
            `peak_memory_bytes`, `sandbox` and others; those that begin with `reported_` are the
            candidate's own words.
    """

    reasons: tuple[str, ...] = ()
    facts: dict[str, Fact] = Field(default_factory=dict)

    @property
    def valid(self) -> bool:
        """Whether the candidate has a score."""
        return self.status == "ok"


@dataclass(frozen=True)
class Score:
    """What a task's judge returns for a candidate that obeys all rules.

    Attributes:
        value: the score.
        facts: more of what was measured.
    """

    value: float
    facts: dict[str, Fact] = field(default_factory=dict)


class Rejection(Exception):
    """Raised by a judge: the candidate has no score.

    Attributes:
        status: what kind of failure it is.
        reason: one sentence that begins with the rule, such as `not causal: …`.
    """

    def __init__(self, status: Failure, reason: str) -> None:
        if status not in (known := get_args(Failure)):  # a judge.py of a user
            raise ValueError(f"the status of a rejection is one of {', '.join(known)}: {status!r}")
        if not isinstance(reason, str):
            raise TypeError(f"the reason of a rejection is a text: {reason!r}")
        super().__init__(reason)
        self.status: Status = status
        self.reason = reason
