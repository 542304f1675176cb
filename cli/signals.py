"""Interruptions: Ctrl-C and SIGTERM end a command with exit code 130, without a traceback."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import typer


@contextmanager
def interruptible(job: str) -> Iterator[None]:
    """Treat SIGTERM like Ctrl-C inside; say that the same command continues the job."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        print(f"interrupted; the same command continues the {job}", file=sys.stderr)
        raise typer.Exit(130) from None
