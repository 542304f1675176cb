"""Calls to a proposer on threads of their own: evaluations go on while a model thinks.

The threads only call; everything they find is handed to the loop's thread, which alone writes to
the journal. They are daemons: an interrupted search does not wait for a slow answer.
"""

import queue
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass

from aira_dsl.agents.models.base import Reply, Request


@dataclass(frozen=True)
class Answer:
    """What came of a call.

    Attributes:
        number: of the trial that was asked for.
        request: what was asked.
        reply: the answer.
        seconds: how long it took.
    """

    number: int
    request: Request
    reply: Reply
    seconds: float


class Caller:
    """Calls side by side.

    Args:
        ask: makes one call.
    """

    def __init__(self, ask: Callable[[Request], Reply]) -> None:
        self._ask = ask
        self._done: queue.SimpleQueue[tuple[int, Answer | BaseException]] = queue.SimpleQueue()
        self.waiting: set[int] = set()

    def start(self, number: int, request: Request) -> None:
        """Make a call."""
        self.waiting.add(number)
        threading.Thread(target=self._call, args=(number, request), daemon=True).start()

    def collect(self, timeout: float) -> list[Answer]:
        """Wait until an answer is there, at most `timeout` seconds, and return all that are.

        Raises:
            AiraError: what a call ended with.
        """
        found: list[Answer] = []
        try:
            while self.waiting:
                number, answer = self._done.get(timeout=0 if found else timeout)
                self.waiting.discard(number)
                if isinstance(answer, BaseException):
                    raise answer
                found.append(answer)
        except queue.Empty:
            pass
        return found

    def _call(self, number: int, request: Request) -> None:
        started = time.monotonic()
        try:
            reply = self._ask(request)
            answer = Answer(number, request, reply, time.monotonic() - started)
            self._done.put((number, answer))
        except BaseException as error:
            self._done.put((number, error))
