"""Repeat an action until it succeeds, with pauses that double."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeVar

T = TypeVar("T")


@dataclass(frozen=True)
class Backoff:
    """How long to wait, in seconds.

    Attributes:
        first: pause after the first failure; every further pause is twice as long.
        longest: upper bound of a pause.
        patience: time after which a failure is final.
    """

    first: float
    longest: float
    patience: float


def with_retry(  # noqa: PLR0913 (all by name)
    action: Callable[[], T],
    *,
    backoff: Backoff,
    reason_to_wait: Callable[[Exception], str | None],
    on_trouble: Callable[[str], None] = lambda reason: None,
    on_restored: Callable[[], None] = lambda: None,
    sleep: Callable[[float], None] = time.sleep,
    clock: Callable[[], float] = time.monotonic,
) -> T:
    """Return the result of an action; repeat it while it fails for a temporary reason.

    Args:
        action: what to do.
        backoff: pauses, and when to give up.
        reason_to_wait: returns why an error may pass, or None if it is final.
        on_trouble: called with the reason before every pause.
        on_restored: called once the action succeeds after a failure.
        sleep: waits for a number of seconds.
        clock: returns seconds; only differences count.

    Raises:
        Exception: the last error of the action, if it is final or the patience is over.
    """
    deadline, pause, failed = clock() + backoff.patience, backoff.first, False
    while True:
        try:
            result = action()
        except Exception as error:
            reason = reason_to_wait(error)
            if reason is None or clock() > deadline:
                raise
            failed = True
            on_trouble(reason)
        else:
            if failed:
                on_restored()
            return result
        sleep(pause)
        pause = min(2 * pause, backoff.longest)
