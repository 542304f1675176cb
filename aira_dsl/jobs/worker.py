"""The main module of a worker process: `python -m aira_dsl.jobs.worker module:function`.

`LocalPool` starts it. It reads one JSON request a line from standard input and writes one JSON
message a line to standard output: `ready` once, then for every request any number of `report`s,
each answered by the pool, and one `value` or `failure`.

The process ends with its parent: when standard input closes, the job is interrupted by SIGTERM if
it has a grace period, and the process ends after that period at the latest.
"""

import contextlib
import importlib
import json
import os
import signal
import sys
import threading
import time
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, TextIO

from aira_dsl.errors import AiraError
from aira_dsl.jobs.limits import allocated_memory, limit_memory
from aira_dsl.jobs.pool import LastValue, WorkerFunction

_MESSAGE_LENGTH = 500  # characters of an exception's text


class _Connection:
    """Requests and answers of the parent in, messages out."""

    def __init__(self) -> None:
        self.grace = 0.0
        self._lines: SimpleQueue[str | None] = SimpleQueue()
        self._messages = _claim_stdout()
        threading.Thread(target=self._listen, daemon=True).start()

    def receive(self) -> Any:
        """Wait for one line; EOFError after the last one."""
        if (line := self._lines.get()) is None:
            raise EOFError
        return json.loads(line)

    def send(self, **message: Any) -> None:
        self._messages.write(json.dumps(message) + "\n")
        self._messages.flush()

    def report(self, value: Any) -> bool:
        """Send an intermediate result; return whether to continue."""
        self.send(report=value)
        return bool(self.receive())

    def _listen(self) -> None:
        for line in sys.stdin:
            self._lines.put(line)
        self._lines.put(None)
        if self.grace:
            os.kill(os.getpid(), signal.SIGTERM)
            time.sleep(self.grace)
        os._exit(0)  # the result has no reader


def main() -> None:
    """Serve jobs until standard input closes."""
    connection = _Connection()
    function = _imported(sys.argv[1])
    base = allocated_memory()
    connection.send(ready=True)
    with contextlib.suppress(EOFError, KeyboardInterrupt):
        while True:
            request = connection.receive()
            connection.grace = request["grace"]
            memory = request["memory"]
            limit_memory(None if memory is None else base + memory)
            should_continue = connection.report if request["reports"] else lambda value: True
            connection.send(**_run(function, request["payload"], should_continue))
            connection.grace = 0.0


def _run(
    function: WorkerFunction, payload: Any, should_continue: Callable[[Any], bool]
) -> dict[str, Any]:
    """Call the worker function; return the message about its end."""
    try:
        return {"value": function(payload, should_continue)}
    except LastValue as last:
        return {"value": last.value, "replace": True}
    except AiraError as error:
        return {"failure": ["error", error.exit_code, error.code, error.message, error.help]}
    except EOFError:
        raise
    except MemoryError as error:
        return {"failure": ["out of memory", str(error) or "an allocation failed"]}
    except Exception as error:  # what a job does must not end the search
        return {"failure": ["exception", f"{type(error).__name__}: {error}"[:_MESSAGE_LENGTH]]}


def _imported(path: str) -> WorkerFunction:
    module, _, name = path.partition(":")
    function: WorkerFunction = getattr(importlib.import_module(module), name)
    return function


def _claim_stdout() -> TextIO:
    """Keep the real standard output for messages; whatever else is printed goes to stderr."""
    messages = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return messages


if __name__ == "__main__":
    main()
