"""The result of an evaluation: what the store keeps and a search ranks by."""

from collections.abc import Callable, Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

Status = Literal[
    "ok",
    "pruned",
    "diverged",
    "out of memory",
    "over time",
    "crashed",
    "refused",
    "invalid",
    "duplicate",
]
"""`refused` is a judge's verdict on a candidate that breaks the rules of its task. The last two are
those of an agent's trial that never had a candidate to evaluate."""

SplitName = Literal["validation", "test"]


class TaskScore(BaseModel):
    """Scores of one task, computed from logits over all scored targets of the split.

    Attributes:
        task: name of the task.
        token_accuracy: fraction of scored targets predicted right, 0 to 1.
        macro_accuracy: as the MAD benchmark publishes it, 0 to 1 (docs/tasks.md).
        bits_per_token: mean cross-entropy in bits; on bytes this is bits per byte.
        training_loss: mean loss of the last tenth of the training steps, in nats.
        seconds: time for data, training and scoring.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    token_accuracy: float
    macro_accuracy: float
    bits_per_token: float
    training_loss: float
    seconds: float


class Evaluation(BaseModel):
    """The result of evaluating one candidate.

    A failure is a result too: it has a status and a message, and no score.

    Attributes:
        fingerprint: the candidate's identity.
        seed: seed of data, initialisation and order.
        split: the split that was scored.
        status: `ok`, `pruned` if it was stopped early, or how it failed.
        score: mean token accuracy (objective `mad`) or bits per byte (`language`); None on failure.
        tasks: one entry a task, those finished before a failure.
        seconds: time of the whole evaluation.
        message: the reason, if the status is not `ok`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    fingerprint: str
    seed: int
    split: SplitName
    status: Status
    score: float | None
    tasks: tuple[TaskScore, ...] = ()
    seconds: float = 0.0
    message: str = ""


ShouldContinue = Callable[[Sequence[TaskScore]], bool]
"""Called with the scores of the tasks so far; returns whether the rest is worth computing."""
