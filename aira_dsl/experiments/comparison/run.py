"""Searches as processes, several at a time: each is an `aira-dsl search` that anybody could type.

Nothing is held here that a killed process would lose: every search continues by itself.
"""

import contextlib
import os
import shlex
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from aira_dsl.errors import RunError

TICK = 0.1  # seconds between looks at the processes
PATIENCE = 30.0  # seconds in which an interrupted search lets go of what it does
MAX_TRIES = 10
_ONE_THREAD = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
_NOTHING_FOUND = 3  # also the exit code of a search in which every candidate failed


@dataclass(frozen=True)
class Job:
    """A search to be run.

    Attributes:
        name: what it is called.
        arguments: of `aira-dsl`.
        log: where what it prints is kept.
        tries: how many times it was started, this one included.
    """

    name: str
    arguments: tuple[str, ...]
    log: Path
    tries: int = 1


def run_all(jobs: Sequence[Job], *, at_once: int, on_finished: Callable[[Job], None]) -> None:
    """Run searches, some at a time, in their order.

    Whatever ends this early, an interruption or a search that fails, interrupts those in flight.

    Raises:
        RunError: E0829, if a search fails; with what it said.
    """
    waiting, running = list(jobs), dict[subprocess.Popen[bytes], Job]()
    try:
        while waiting or running:
            while waiting and len(running) < at_once:
                job = waiting.pop(0)
                running[_start(job)] = job
            time.sleep(TICK)
            for process in [process for process in running if process.poll() is not None]:
                job = running.pop(process)
                _hang_up(process)
                if _is_held(job) and job.tries < MAX_TRIES:
                    waiting.append(replace(job, tries=job.tries + 1))
                else:
                    _check(job, process.returncode)
                    on_finished(job)
    finally:
        _stop(list(running))


def _start(job: Job) -> subprocess.Popen[bytes]:
    with job.log.open("ab") as log:
        log.write(f"$ aira-dsl {shlex.join(job.arguments)}\n".encode())
        log.flush()
        return subprocess.Popen(
            [sys.executable, "-P", "-m", "aira_dsl.experiments.comparison.child", *job.arguments],
            stdin=subprocess.PIPE,
            stdout=log,
            stderr=log,
            env={**os.environ, **_ONE_THREAD},
            start_new_session=True,  # Ctrl-C is the parent's to handle
        )


def _stop(processes: Sequence[subprocess.Popen[bytes]]) -> None:
    """Interrupt searches by hanging up on them; kill those that do not listen."""
    for process in processes:
        _hang_up(process)
    deadline = time.monotonic() + PATIENCE
    for process in processes:
        try:
            process.wait(max(0.0, deadline - time.monotonic()))
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _hang_up(process: subprocess.Popen[bytes]) -> None:
    assert process.stdin is not None
    with contextlib.suppress(OSError):
        process.stdin.close()


def _is_held(job: Job) -> bool:
    """Tell whether the search of a comparison that was killed is still letting go of its folder."""
    return "error[E0801]" in _last_words(job)


def _check(job: Job, code: int) -> None:
    words = _last_words(job)
    if code == 0 or (code == _NOTHING_FOUND and "error[" not in words):
        return
    reason = words[words.find("error[") :].strip() if "error[" in words else f"exit code {code}"
    raise RunError(
        "E0829",
        f"the search {job.name} failed: {reason}",
        help=f"see {job.log}; nothing finished is lost, the same command goes on",
    )


def _last_words(job: Job) -> str:
    """Return what the last process of a search printed."""
    text = job.log.read_text(errors="replace")
    return text[text.rfind("$ aira-dsl search") :].partition("\n")[2]
