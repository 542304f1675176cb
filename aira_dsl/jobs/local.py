"""A pool of processes on this machine: one job a process, and limits that stop it.

Each worker is a plain subprocess that speaks JSON lines, so a user's script needs no
`if __name__ == "__main__"` and a job sees nothing of the parent. A process serves jobs with the
same worker function one after another, so that what it has imported is used again.

Time is limited from outside (the process is killed), memory from inside (RLIMIT_DATA, so that an
allocation fails). A process that dies is replaced and its job tried again, twice.
"""

import contextlib
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import IO, Any

from aira_dsl.errors import AiraError, InputError, RunError, UsageError
from aira_dsl.jobs.limits import environment
from aira_dsl.jobs.pool import Failure, Job, Outcome, ShouldContinue

START_SECONDS = 180.0  # importing torch on a cold, busy machine
MAX_TRIES = 3
_LAST_LINE = 200  # characters of a dead process's last line


class LocalPool:
    """A fixed number of worker processes; each starts with its first job.

    Args:
        processes: number of jobs at a time.
        inherited: environment that processes inherit, but for what `limits` hides from them; None
            for that of this process.
        folder: working directory of processes; None for that of this process.
    """

    def __init__(
        self,
        processes: int,
        *,
        inherited: Mapping[str, str] | None = None,
        folder: str | None = None,
    ) -> None:
        self._workers = [_Worker(inherited, folder) for _ in range(processes)]

    @property
    def free(self) -> int:
        """Number of jobs that can be submitted now."""
        return sum(worker.task is None for worker in self._workers)

    @property
    def running(self) -> list[int]:
        """Tags of the jobs that were submitted and not yet collected."""
        return [worker.task.tag for worker in self._workers if worker.task is not None]

    def submit(self, tag: int, job: Job, *, should_continue: ShouldContinue | None = None) -> None:
        """Start a job, in a process that already serves its kind if one is idle."""
        kind = _Kind.of(job)
        idle = [worker for worker in self._workers if worker.task is None]
        best = min(idle, key=lambda worker: (worker.kind != kind, worker.kind is not None))
        best.give(_Task(tag, job, should_continue))

    def collect(self, timeout: float) -> list[Outcome]:
        """Wait until something happens, at most `timeout` seconds; return the jobs that ended."""
        busy = [worker for worker in self._workers if worker.task is not None]
        wait = min([timeout, *(worker.seconds_left() for worker in busy)])
        if busy:
            select.select([worker.output for worker in busy], [], [], max(0.0, wait))
        else:
            time.sleep(timeout)
        outcomes = [worker.advance() for worker in busy]
        return [outcome for outcome in outcomes if outcome is not None]

    def close(self) -> None:
        """End every process; those with a grace period may end by themselves, all at a time."""
        waiting = [worker for worker in self._workers if worker.hang_up()]
        deadline = time.monotonic() + max((w.grace for w in waiting), default=0.0)
        for worker in waiting:
            worker.wait(max(0.0, deadline - time.monotonic()))
        for worker in self._workers:
            worker.kill()


@dataclass(frozen=True)
class _Task:
    """A job in flight."""

    tag: int
    job: Job
    should_continue: ShouldContinue | None
    tries: int = 1


@dataclass(frozen=True)
class _Kind:
    """What a process is started for; it serves any job of the same kind."""

    worker: str
    cpus: int
    gpus: int
    trusted: bool

    @classmethod
    def of(cls, job: Job) -> "_Kind":
        return cls(job.worker, job.needs.cpus, job.needs.gpus, job.trusted)


class _Worker:
    """One place in the pool: a process, if there is one, and its job, if it has one."""

    def __init__(self, inherited: Mapping[str, str] | None, folder: str | None) -> None:
        self._inherited = inherited
        self._folder = folder
        self.task: _Task | None = None
        self.kind: _Kind | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = b""
        self._ready = False
        self._ended = False
        self._since = 0.0

    @property
    def output(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    @property
    def grace(self) -> float:
        return self.task.job.needs.grace if self.task is not None else 0.0

    def give(self, task: _Task) -> None:
        """Start a job, in a new process if there is none of its kind."""
        kind = _Kind.of(task.job)
        died = self._process is not None and self._process.poll() is not None
        if died or self.kind != kind:
            self.kill()
        if self._process is None:
            self._start(kind)
        self.task, self._since = task, time.monotonic()
        needs = task.job.needs
        self._write(
            {
                "payload": task.job.payload,
                "memory": None if needs.gpus else needs.memory,
                "grace": needs.grace,
                "reports": task.should_continue is not None,
            }
        )

    def seconds_left(self) -> float:
        """Return the time until the limit of the job, or of the start of its process."""
        assert self.task is not None
        limit = self.task.job.needs.seconds if self._ready else START_SECONDS
        return float("inf") if limit is None else self._since + limit - time.monotonic()

    def advance(self) -> Outcome | None:
        """Handle all messages that have arrived; return the outcome if the job ended."""
        while (message := self._read()) is not None:
            if (outcome := self._handle(message)) is not None:
                return outcome
        if self._ended:
            return self._died()
        return self._too_slow() if self.seconds_left() <= 0 else None

    def hang_up(self) -> bool:
        """Interrupt a job that has a grace period; return whether it has one."""
        if self._process is None or not self.grace:
            return False
        _close(self._process.stdin)
        return True

    def wait(self, seconds: float) -> None:
        """Wait for the end of the process."""
        assert self._process is not None
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(seconds)

    def kill(self) -> None:
        """End the process, if there is one, and reap it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._errors):
                _close(stream)
        self._process, self.kind, self.task = None, None, None
        self._ready, self._ended, self._buffer = False, False, b""

    def _handle(self, message: dict[str, Any]) -> Outcome | None:
        assert self.task is not None
        if "ready" in message:
            self._ready, self._since = True, time.monotonic()
        elif "report" in message:
            assert self.task.should_continue is not None
            self._write(self.task.should_continue(message["report"]))
        elif "value" in message:
            return self._end(value=message["value"], kill="replace" in message)
        else:
            return self._end(_failure(*message["failure"]), kill=True)
        return None

    def _end(self, failure: Failure | None = None, *, value: Any = None, kill: bool) -> Outcome:
        """Free this place; a process that cannot be trusted any more is killed."""
        assert self.task is not None
        tag, self.task = self.task.tag, None
        if kill:
            self.kill()
        return Outcome(tag, value, failure)

    def _died(self) -> Outcome | None:
        task, reason, was_ready = self.task, self._last_output(), self._ready
        assert task is not None
        if task.tries < MAX_TRIES:
            self.kill()
            self.give(replace(task, tries=task.tries + 1))
            return None
        if not was_ready:
            return self._end(_not_started(f"worker processes do not start: {reason}"), kill=True)
        return self._end(Failure("crashed", f"{reason}, {MAX_TRIES} times"), kill=True)

    def _too_slow(self) -> Outcome:
        assert self.task is not None
        if not self._ready:
            message = f"a worker process was not ready after {START_SECONDS:.0f} s"
            return self._end(_not_started(message), kill=True)
        message = f"stopped after {self.task.job.needs.seconds:g} s"
        return self._end(Failure("over time", message), kill=True)

    def _last_output(self) -> str:
        """Say how the process ended, with the last line that it wrote to standard error."""
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait()
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with {name}" + (f" ({lines[-1][:_LAST_LINE]})" if lines else "")

    def _read(self) -> dict[str, Any] | None:
        """Return one message if a whole one has arrived; note the end of the stream."""
        while b"\n" not in self._buffer:
            if not select.select([self.output], [], [], 0)[0]:
                return None
            if not (chunk := os.read(self.output.fileno(), 1 << 16)):
                self._ended = True
                return None
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        return message

    def _start(self, kind: _Kind) -> None:
        self.kind = kind
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `kill`)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aira_dsl.jobs.worker", kind.worker],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            cwd=self._folder,
            env=environment(
                os.environ if self._inherited is None else self._inherited,
                cpus=kind.cpus,
                gpus=kind.gpus,
                trusted=kind.trusted,
            ),
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )

    def _write(self, message: Any) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # If the process died, `collect` finds the end of its output.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(json.dumps(message).encode() + b"\n")
            self._process.stdin.flush()


def _failure(reason: Any, *details: Any) -> Failure:
    """Read the failure that a worker reports."""
    if reason != "error":
        return Failure(reason, *details)
    exit_code, code, message, help_text = details
    kind: type[AiraError] = {1: InputError, 2: UsageError}.get(exit_code, RunError)
    return Failure("error", message, kind(code, message, help=help_text))


def _not_started(message: str) -> Failure:
    return Failure("not started", message, RunError("E0602", message))


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):
            stream.close()
