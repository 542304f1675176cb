"""What a training tells while it runs, and asks; needs no torch."""

from collections.abc import Callable
from dataclasses import dataclass

from aira_dsl.pretraining.result import ValidationPoint


@dataclass(frozen=True)
class TrainProgress:
    """Where a training stands, for people.

    Attributes:
        step: optimizer steps done.
        steps: steps of the whole training.
        loss: training loss of the last step, in nats a token.
        tokens_per_second: tokens in a second of optimizer steps, in this session.
        validation: the last validation.
    """

    step: int
    steps: int
    loss: float
    tokens_per_second: float
    validation: ValidationPoint | None


def _nothing(*_: object) -> None:
    """Do nothing."""


def _never() -> bool:
    return False


@dataclass(frozen=True)
class Callbacks:
    """What a training calls.

    Attributes:
        on_reading: with bytes read and bytes to read, while text is tokenized.
        on_progress: after every step.
        on_validation: after every validation.
        on_trouble: with a sentence about something that was left out.
        should_stop: before every step; True ends the session with a checkpoint.
    """

    on_reading: Callable[[int, int], None] = _nothing
    on_progress: Callable[[TrainProgress], None] = _nothing
    on_validation: Callable[[ValidationPoint], None] = _nothing
    on_trouble: Callable[[str], None] = _nothing
    should_stop: Callable[[], bool] = _never


SILENT = Callbacks()
"""Callbacks that do nothing."""
