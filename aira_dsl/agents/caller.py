"""Calls to a proposer on threads of their own: evaluations continue while a model thinks.

The threads only call; the thread of the search collects the replies, and it alone writes to the
study. They are daemon threads: an interrupted search does not wait for a slow answer.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from aira_dsl.agents.models.base import Reply, Request


class Caller:
    """Calls side by side.

    Args:
        ask: makes one call.

    Attributes:
        waiting: numbers of the trials whose calls are in flight.
    """

    def __init__(self, ask: Callable[[Request], Reply]) -> None:
        self._ask = ask
        self._done: queue.SimpleQueue[tuple[Request, Reply | BaseException]] = queue.SimpleQueue()
        self.waiting: set[int] = set()

    def start(self, request: Request) -> None:
        """Start a call."""
        self.waiting.add(request.number)
        threading.Thread(target=self._call, args=(request,), daemon=True).start()

    def collect(self, timeout: float) -> list[tuple[Request, Reply]]:
        """Wait for a reply, at most `timeout` seconds, and return all replies that are there.

        Raises:
            AiraError: a call failed.
        """
        found: list[tuple[Request, Reply]] = []
        try:
            while self.waiting:
                request, reply = self._done.get(timeout=0 if found else timeout)
                self.waiting.discard(request.number)
                if isinstance(reply, BaseException):
                    raise reply
                found.append((request, reply))
        except queue.Empty:
            pass
        return found

    def _call(self, request: Request) -> None:
        started = time.monotonic()
        try:
            reply = replace(self._ask(request), seconds=time.monotonic() - started)
            self._done.put((request, reply))
        except BaseException as error:
            self._done.put((request, error))
