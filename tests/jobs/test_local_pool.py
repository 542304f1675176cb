"""Local worker processes: the contract of pools, reuse of processes, and how they end."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from aira_dsl.errors import InputError, RunError
from aira_dsl.jobs import local
from aira_dsl.jobs.local import LocalPool
from aira_dsl.testing.pools import SECONDS, PoolContract, job, run, wait_for_end


class TestLocalPool(PoolContract):
    def make_pool(self, processes: int) -> LocalPool:
        return LocalPool(processes)


@pytest.fixture
def pool() -> Iterator[LocalPool]:
    """A pool of one process."""
    with closing(LocalPool(1)) as made:
        yield made


def test_a_process_serves_the_same_function_again_and_no_other(pool: LocalPool) -> None:
    first, second = run(pool, job("process")).value, run(pool, job("process")).value
    other = run(pool, job("retire")).value
    assert first == second != other
    assert run(pool, job("retire")).value != other


def test_an_idle_process_that_was_killed_is_replaced(pool: LocalPool) -> None:
    first = run(pool, job("process")).value
    os.kill(first, signal.SIGKILL)
    wait_for_end(first)
    second = run(pool, job("process")).value
    assert second not in (None, first)


def test_a_process_that_is_never_ready_is_an_error(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    stuck = tmp_path / "python"
    stuck.write_text("#!/bin/sh\nexec sleep 600\n", encoding="utf-8")
    stuck.chmod(0o755)
    monkeypatch.setattr(local.sys, "executable", str(stuck))
    monkeypatch.setattr(local, "START_SECONDS", 0.1)
    failure = run(pool, job("echo")).failure
    assert failure is not None
    assert failure.error is not None
    assert failure.error.code == "E0602"
    assert "not ready after 0 s" in failure.error.message


@pytest.mark.parametrize("name", ["sleep", "finish_on_signal"])
def test_processes_end_with_their_parent(name: str, tmp_path: Path) -> None:
    """Killed, the parent can do nothing: the process notices by itself."""
    file = tmp_path / "file"
    payload = 10 * SECONDS if name == "sleep" else str(file)
    grace = 0 if name == "sleep" else SECONDS
    code = (
        "import os\n"
        "from aira_dsl.jobs.local import LocalPool\n"
        "from aira_dsl.jobs.pool import Job, Needs\n"
        "def report(pid):\n"
        "    print(pid, flush=True)\n"
        "    os.kill(os.getpid(), 9)\n"
        "pool = LocalPool(1)\n"
        f"payload, needs = {json.dumps(payload)}, Needs(grace={grace})\n"
        f"job = Job('aira_dsl.testing.workers:{name}', payload, needs)\n"
        "pool.submit(0, job, should_continue=report)\n"
        "while True: pool.collect(1.0)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True, text=True, check=False, timeout=SECONDS,
    )  # fmt: skip
    wait_for_end(int(parent.stdout))
    if name == "finish_on_signal":
        assert file.read_text(encoding="utf-8") == "finished"


def test_the_result_of_an_outcome_is_its_value_or_an_error(pool: LocalPool) -> None:
    assert run(pool, job("echo", 3)).result("E0603", "a benchmark process") == 3
    with pytest.raises(InputError, match="too few"):
        run(pool, job("refuse", "too few")).result("E0603", "a benchmark process")
    with pytest.raises(RunError, match="a benchmark process failed: ZeroDivision") as caught:
        run(pool, job("divide", [1, 0])).result("E0603", "a benchmark process")
    assert caught.value.code == "E0603"
