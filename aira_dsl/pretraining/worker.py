"""The worker function of training runs: one run in a process of a pool."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from aira_dsl.jobs.pool import ShouldContinue
from aira_dsl.pretraining.callbacks import Callbacks
from aira_dsl.pretraining.result import ValidationPoint
from aira_dsl.pretraining.run import train
from aira_dsl.pretraining.settings import TrainSettings


def run(payload: dict[str, Any], should_continue: ShouldContinue) -> Any:
    """Return a `TrainResult` in JSON form.

    Args:
        payload: `settings` (a `TrainSettings` in JSON form) and `out` (the run folder).
        should_continue: called with every `ValidationPoint` in JSON form; a run that is told to
            stop, or gets SIGTERM, writes a checkpoint and has the status `stopped`.

    Raises:
        AiraError: the settings, the data or the folder are wrong, or a checkpoint cannot be
            written.
    """
    stopped = False

    def interrupted(*_: object) -> None:
        nonlocal stopped
        stopped = True

    def validated(point: ValidationPoint) -> None:
        nonlocal stopped
        stopped = not should_continue(point.model_dump())

    with _on_sigterm(interrupted):
        result = train(
            TrainSettings.model_validate(payload["settings"]),
            Path(payload["out"]),
            callbacks=Callbacks(on_validation=validated, should_stop=lambda: stopped),
        )
    return result.model_dump(mode="json")


@contextmanager
def _on_sigterm(handler: Callable[..., None]) -> Iterator[None]:
    """Handle SIGTERM, which a closing pool sends to a job with a grace period."""
    if threading.current_thread() is not threading.main_thread():
        yield  # an actor of Ray: it is killed, and the run continues from its last checkpoint
        return
    before = signal.signal(signal.SIGTERM, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
