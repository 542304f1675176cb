"""What `RayPool` starts on a node of a Ray cluster: one job at a time, in a process of its own.

The process is that of a `LocalPool`: limits, hidden keys, new tries after a crash and the end of
everything are those of local jobs. Only a node that is lost is the business of the driver, the
process on the user's machine. This module needs no Ray.
"""

import hashlib
import os
import threading
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from queue import SimpleQueue
from typing import Any

from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Outcome
from aira_dsl.version import __version__

_TICK = 0.2  # seconds between looks at whether to stop
_SOURCES = (".py", ".cpp", ".hpp", ".toml")


@dataclass(frozen=True)
class Report:
    """An intermediate result of the job."""

    value: Any


@dataclass(frozen=True)
class Hello:
    """What a new actor says of its node.

    Attributes:
        node: name of the machine.
        installed: what is installed there.
    """

    node: str
    installed: str


Message = Hello | Report | Outcome


class JobActor:
    """Runs jobs on a node, one after another; Ray serves `stop` while another method waits.

    `start` and `answer` return the next message about the job. A `Report` is to be answered, an
    `Outcome` is the end.

    Args:
        added: environment variables that the driver adds to those of the node.
        folder: working directory of the jobs, if the node has it.
    """

    def __init__(self, added: Mapping[str, str], folder: str) -> None:
        self._pool = LocalPool(
            1,
            inherited={**os.environ, **added},
            folder=folder if os.path.isdir(folder) else None,
        )
        self._messages: SimpleQueue[Report | Outcome | Exception] = SimpleQueue()
        self._answers: SimpleQueue[bool] = SimpleQueue()
        self._stopping = threading.Event()
        self._thread: threading.Thread | None = None

    def hello(self) -> Hello:
        """Describe the node."""
        return Hello(os.uname().nodename, installed())

    def start(self, job: Job, reports: bool) -> Report | Outcome:
        """Start a job.

        Args:
            job: what to do.
            reports: whether intermediate results decide if the job continues.
        """
        self._thread = threading.Thread(target=self._run, args=(job, reports), daemon=True)
        self._thread.start()
        return self._next()

    def answer(self, should_continue: bool) -> Report | Outcome:
        """Let the job continue after a report, or not."""
        self._answers.put(should_continue)
        return self._next()

    def stop(self) -> None:
        """End the process; a job with a grace period may end by itself."""
        self._stopping.set()
        self._answers.put(False)
        if self._thread is not None:
            self._thread.join()
        self._pool.close()

    def _next(self) -> Report | Outcome:
        message = self._messages.get()
        if isinstance(message, Exception):
            raise message
        return message

    def _run(self, job: Job, reports: bool) -> None:
        try:
            self._pool.submit(0, job, should_continue=self._ask if reports else None)
            while not self._stopping.is_set():
                for outcome in self._pool.collect(_TICK):
                    self._messages.put(outcome)
                    return
        except Exception as error:  # the driver waits for a message
            self._messages.put(error)

    def _ask(self, value: Any) -> bool:
        """Report an intermediate result; wait for the answer of the driver."""
        self._messages.put(Report(value))
        return self._answers.get()


@cache
def installed() -> str:
    """Describe the installation: versions, and a hash of the sources of this package."""
    package = Path(__file__).parents[1]
    digest = hashlib.sha256()
    for path in sorted(package.rglob("*.*")):
        if path.suffix in _SOURCES:
            digest.update(str(path.relative_to(package)).encode() + path.read_bytes())
    try:
        torch = version("torch")
    except PackageNotFoundError:
        torch = "none"
    return f"aira-dsl {__version__} ({digest.hexdigest()[:12]}) with torch {torch}"
