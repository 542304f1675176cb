"""Retrying an action: what is repeated, how long the pauses are, when it gives up."""

from collections.abc import Callable

import pytest

from aira_dsl.utils.retry import Backoff, with_retry


class Clock:
    """A clock that only `sleep` moves."""

    def __init__(self) -> None:
        self.now = 0.0
        self.pauses: list[float] = []

    def read(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        self.pauses.append(seconds)
        self.now += seconds


def failing(*errors: Exception) -> Callable[[], str]:
    """Return an action that raises these errors, one a call, and then succeeds."""
    left = list(errors)

    def action() -> str:
        if left:
            raise left.pop(0)
        return "done"

    return action


def is_temporary(error: Exception) -> str | None:
    return str(error) if isinstance(error, ConnectionError) else None


def run(action: Callable[[], str], backoff: Backoff, events: list[str], clock: Clock) -> str:
    return with_retry(
        action,
        backoff=backoff,
        reason_to_wait=is_temporary,
        on_trouble=events.append,
        on_restored=lambda: events.append("restored"),
        sleep=clock.sleep,
        clock=clock.read,
    )


def test_pauses_double_up_to_the_longest_and_the_callbacks_say_what_happens() -> None:
    events, clock = list[str](), Clock()
    action = failing(*(ConnectionError(f"lost {number}") for number in range(5)))
    assert run(action, Backoff(first=1, longest=5, patience=100), events, clock) == "done"
    assert clock.pauses == [1, 2, 4, 5, 5]
    assert events == ["lost 0", "lost 1", "lost 2", "lost 3", "lost 4", "restored"]


def test_an_action_that_succeeds_at_once_reports_nothing() -> None:
    events, clock = list[str](), Clock()
    assert run(failing(), Backoff(first=1, longest=1, patience=1), events, clock) == "done"
    assert (events, clock.pauses) == ([], [])


def test_a_final_error_is_raised_without_a_pause() -> None:
    events, clock = list[str](), Clock()
    with pytest.raises(ValueError, match="wrong"):
        run(failing(ValueError("wrong")), Backoff(first=1, longest=1, patience=9), events, clock)
    assert (events, clock.pauses) == ([], [])


def test_after_the_patience_the_last_error_is_raised() -> None:
    events, clock = list[str](), Clock()
    errors = [ConnectionError(f"lost {number}") for number in range(9)]
    with pytest.raises(ConnectionError, match="lost 3"):
        run(failing(*errors), Backoff(first=1, longest=8, patience=6.5), events, clock)
    assert clock.pauses == [1, 2, 4]  # 7 seconds: more than the patience
    assert "restored" not in events
