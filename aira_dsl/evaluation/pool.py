"""Evaluation processes: one candidate a process, one thread a process, limits that really stop it.

Each worker is a plain subprocess that speaks JSON lines, so a user's script needs no
`if __name__ == "__main__"` and nothing of the parent leaks into a candidate. The pool is driven by
one thread that calls `submit` and `collect`.

Time is limited from outside (the process is killed), memory from inside (RLIMIT_DATA, so that an
allocation fails and the candidate is reported as out of memory). A worker that dies by itself or is
killed by somebody else is replaced and its candidate tried again, twice; then the candidate is
reported as crashed.
"""

import contextlib
import json
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import IO, Any

from aira_dsl.architecture import Architecture
from aira_dsl.errors import AiraError, InputError, RunError
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.result import Evaluation, SplitName, Status, TaskScore

START_SECONDS = 180.0  # importing torch on a cold, busy machine
MAX_TRIES = 3
_SECRET = re.compile(r"KEY|TOKEN|SECRET|PASSWORD|CREDENTIAL|^ANTHROPIC_|^PG", re.IGNORECASE)
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}


@dataclass(frozen=True)
class Job:
    """One evaluation to be done; `tag` is the caller's own name for it."""

    tag: int
    architecture: Architecture
    seed: int
    split: SplitName
    tries: int = 1
    judged: bool = False


class Pool:
    """A fixed number of evaluation processes; `close` ends them.

    Args:
        evaluator: its settings are what the processes evaluate with; results go to its
            store.
        workers: number of processes.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.

    Attributes:
        judge: told a job's tag and its scores after each task but the last; says whether to go on.
            None to let all evaluations run to their ends.
    """

    def __init__(
        self, evaluator: Evaluator, *, workers: int, time_limit: float, memory_limit: int
    ) -> None:
        self.judge: Callable[[int, Sequence[TaskScore]], bool] | None = None
        self._evaluator = evaluator
        self._time_limit = time_limit
        self._memory_limit = memory_limit
        configuration = {
            "settings": evaluator.settings.model_dump(mode="json"),
            "memory_bytes": memory_limit,
        }
        self._workers = [_Worker(json.dumps(configuration)) for _ in range(workers)]

    @property
    def free(self) -> int:
        """Number of workers without a job."""
        return sum(worker.job is None for worker in self._workers)

    @property
    def running(self) -> list[int]:
        """Tags of the jobs in flight."""
        return [worker.job.tag for worker in self._workers if worker.job is not None]

    def submit(
        self, tag: int, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> None:
        """Start an evaluation; a worker must be free."""
        worker = next(worker for worker in self._workers if worker.job is None)
        worker.give(Job(tag, architecture, seed, split, judged=self.judge is not None))

    def collect(self, timeout: float) -> list[tuple[int, Evaluation]]:
        """Wait until something happens, at most `timeout` seconds, and return what is finished.

        Raises:
            AiraError: what a worker reports about its data or settings; nothing can be evaluated.
            RunError: E0602, if workers do not start.
        """
        busy = [worker for worker in self._workers if worker.job is not None]
        now = time.monotonic()
        nearest = min((worker.deadline(self._time_limit) for worker in busy), default=now + timeout)
        patience = max(0.0, min(timeout, nearest - now))
        if busy:
            select.select([worker.output for worker in busy], [], [], patience)
        else:
            time.sleep(patience)
        finished = ((worker, self._advance(worker)) for worker in busy)
        return [self._finish(worker, result) for worker, result in finished if result is not None]

    def close(self) -> None:
        """Kill every worker and wait until it is gone."""
        for worker in self._workers:
            worker.kill()

    def _finish(self, worker: "_Worker", evaluation: Evaluation) -> tuple[int, Evaluation]:
        job = worker.job
        assert job is not None
        worker.job = None
        if evaluation.status not in ("ok", "pruned"):
            worker.kill()  # what is left of its memory can not be trusted
        self._evaluator.remember(job.architecture, evaluation)
        return job.tag, evaluation

    def _advance(self, worker: "_Worker") -> Evaluation | None:
        """Read what a worker has to say; judge its silence."""
        message = worker.read()
        if message is None and worker.ended:
            return self._died(worker)
        if message is None and time.monotonic() >= worker.deadline(self._time_limit):
            return self._too_slow(worker)
        if message and "error" in message:
            raise _as_error(*message["error"])
        if message and "tasks" in message:
            assert worker.job is not None
            assert self.judge is not None
            tasks = [TaskScore.model_validate(task) for task in message["tasks"]]
            worker.answer(self.judge(worker.job.tag, tasks))
        if message and "evaluation" in message:
            return Evaluation.model_validate(message["evaluation"])
        return None

    def _died(self, worker: "_Worker") -> Evaluation | None:
        job, reason = worker.job, worker.last_words()
        assert job is not None
        was_ready = worker.ready
        worker.kill()
        if job.tries < MAX_TRIES:
            worker.give(replace(job, tries=job.tries + 1))
            return None
        if not was_ready:
            raise RunError("E0602", f"evaluation processes do not start: {reason}")
        return _failure(job, "crashed", f"{reason}, {MAX_TRIES} times")

    def _too_slow(self, worker: "_Worker") -> Evaluation:
        job = worker.job
        assert job is not None
        if not worker.ready:
            worker.kill()
            raise RunError(
                "E0602", f"an evaluation process was not ready after {START_SECONDS:.0f} s"
            )
        worker.kill()
        message = f"stopped after {self._time_limit:g} s"
        return _failure(job, "over time", message, seconds=self._time_limit)


class _Worker:
    """One evaluation process and the job it has; the process starts with its first job."""

    def __init__(self, configuration: str) -> None:
        self.job: Job | None = None
        self.ready = False
        self.ended = False
        self._configuration = configuration
        self._process: subprocess.Popen[bytes] | None = None
        self._errors: IO[bytes] | None = None
        self._buffer = b""
        self._since = 0.0

    @property
    def output(self) -> IO[bytes]:
        assert self._process is not None
        assert self._process.stdout is not None
        return self._process.stdout

    def give(self, job: Job) -> None:
        """Start a job, and the process if there is none or it died while it was idle."""
        if self._process is not None and self._process.poll() is not None:
            self.kill()
        if self._process is None:
            self._start()
        self.job, self._since = job, time.monotonic()
        request = {
            "architecture": job.architecture.model_dump(mode="json"),
            "seed": job.seed,
            "split": job.split,
            "judged": job.judged,
        }
        self._write(json.dumps(request))

    def answer(self, go_on: bool) -> None:
        """Tell the process whether to go on."""
        self._write(json.dumps(go_on))

    def deadline(self, time_limit: float) -> float:
        """Return when patience ends; the candidate's clock starts when its process is ready."""
        return self._since + (time_limit if self.ready else START_SECONDS)

    def read(self) -> dict[str, Any] | None:
        """Return one message if a whole one has arrived; note the end of the stream."""
        while b"\n" not in self._buffer:
            if not select.select([self.output], [], [], 0)[0]:
                return None
            if not (chunk := os.read(self.output.fileno(), 1 << 16)):
                self.ended = True
                return None
            self._buffer += chunk
        line, self._buffer = self._buffer.split(b"\n", 1)
        message: dict[str, Any] = json.loads(line)
        if message.get("ready"):
            self.ready, self._since = True, time.monotonic()
        return message

    def last_words(self) -> str:
        """Say how the process ended, with the last line it wrote to its standard error."""
        assert self._process is not None
        assert self._errors is not None
        code = self._process.wait()
        name = signal.Signals(-code).name if code < 0 else f"exit code {code}"
        self._errors.seek(0)
        lines = self._errors.read().decode(errors="replace").strip().splitlines()
        return f"the process ended with {name}" + (f" ({lines[-1][:200]})" if lines else "")

    def kill(self) -> None:
        """End the process, if there is one, and reap it."""
        if self._process is not None:
            self._process.kill()
            self._process.wait()
            for stream in (self._process.stdin, self._process.stdout, self._errors):
                _close(stream)
        self._process, self.ready, self.ended, self._buffer = None, False, False, b""

    def _start(self) -> None:
        self._errors = tempfile.TemporaryFile()  # noqa: SIM115 (closed by `kill`)
        self._process = subprocess.Popen(
            [sys.executable, "-P", "-m", "aira_dsl.evaluation.worker"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=self._errors,
            env=_environment(),
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )
        self._write(self._configuration)

    def _write(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        # If it died, `collect` finds the end of its output and deals with it.
        with contextlib.suppress(BrokenPipeError):
            self._process.stdin.write(line.encode() + b"\n")
            self._process.stdin.flush()


def _environment() -> dict[str, str]:
    """Return the environment without what a candidate has no business with: keys and passwords."""
    kept = {name: value for name, value in os.environ.items() if not _SECRET.search(name)}
    return {**kept, **_ONE_THREAD}


def _close(stream: IO[bytes] | None) -> None:
    if stream is not None:
        with contextlib.suppress(BrokenPipeError):
            stream.close()


def _failure(job: Job, status: Status, message: str, *, seconds: float = 0.0) -> Evaluation:
    return Evaluation(
        fingerprint=job.architecture.fingerprint,
        seed=job.seed,
        split=job.split,
        status=status,
        score=None,
        seconds=seconds,
        message=message,
    )


def _as_error(exit_code: int, code: str, message: str, help_text: str | None) -> AiraError:
    return {1: InputError}.get(exit_code, RunError)(code, message, help=help_text)
