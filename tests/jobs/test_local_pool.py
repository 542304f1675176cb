"""Worker processes: what they get and return, limits that stop them, and how they end."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.errors import InputError, RunError
from aira_dsl.jobs import local
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs, Outcome, run_all

MIB = 1 << 20
SECONDS = 60  # a deadline that only a test that fails reaches


NO_NEEDS = Needs()


def job(name: str, payload: Any = None, needs: Needs = NO_NEEDS, **options: bool) -> Job:
    return Job(f"aira_dsl.testing.workers:{name}", payload, needs, **options)


@pytest.fixture
def make_pool() -> Iterator[Callable[[int], LocalPool]]:
    pools: list[LocalPool] = []

    def make(processes: int) -> LocalPool:
        pools.append(LocalPool(processes))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture
def pool(make_pool: Callable[[int], LocalPool]) -> LocalPool:
    """A pool of one process."""
    return make_pool(1)


def outcome(pool: LocalPool) -> Outcome:
    """Wait for the end of one job."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if ended := pool.collect(1.0):
            (found,) = ended
            return found
    raise AssertionError("no job ended")


def run(pool: LocalPool, what: Job) -> Outcome:
    pool.submit(0, what)
    return outcome(pool)


def running_process(pool: LocalPool, what: Job, *, tag: int = 0) -> int:
    """Start a job that reports its process id first; return that once it did."""
    pids: list[int] = []

    def note(pid: int) -> bool:
        pids.append(pid)
        return True

    pool.submit(tag, what, should_continue=note)
    deadline = time.monotonic() + SECONDS
    while not pids:
        assert time.monotonic() < deadline, "the job did not start"
        assert not pool.collect(1.0)
    return pids[0]


def wait_for_end(pid: int) -> None:
    """Wait until a process is gone or a zombie of another process."""
    deadline = time.monotonic() + SECONDS
    while True:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
        except OSError:
            return
        if state == "Z":
            return
        assert time.monotonic() < deadline, f"process {pid} is still there"
        time.sleep(0.01)


def test_a_job_returns_its_value_and_its_place_is_free_again(pool: LocalPool) -> None:
    payload = {"text": "ünï\n", "numbers": [1, 2.5, None]}
    pool.submit(7, job("echo", payload))
    assert (pool.free, pool.running) == (0, [7])
    assert outcome(pool) == Outcome(7, value=payload)
    assert (pool.free, pool.running) == (1, [])


def test_a_process_serves_the_same_function_again_and_no_other(pool: LocalPool) -> None:
    first, second = run(pool, job("process")).value, run(pool, job("process")).value
    other = run(pool, job("retire")).value
    assert first == second != other
    assert run(pool, job("retire")).value != other


def test_intermediate_results_decide_whether_a_job_continues(pool: LocalPool) -> None:
    seen: list[int] = []

    def should_continue(number: int) -> bool:
        seen.append(number)
        return number < 3

    pool.submit(0, job("count", 10), should_continue=should_continue)
    assert outcome(pool).value == 3
    assert seen == [1, 2, 3]
    assert run(pool, job("count", 10)).value == 10


def test_a_job_that_takes_too_long_is_stopped(pool: LocalPool) -> None:
    failure = run(pool, job("sleep", 10 * SECONDS, Needs(seconds=0.3))).failure
    assert failure is not None
    assert (failure.reason, failure.message) == ("over time", "stopped after 0.3 s")
    assert run(pool, job("sleep", 0)).failure is None


def test_a_job_that_allocates_too_much_is_stopped(pool: LocalPool) -> None:
    limited = Needs(memory=100 * MIB)
    failure = run(pool, job("allocate", 200 * MIB, limited)).failure
    assert failure is not None
    assert failure.reason == "out of memory"
    assert run(pool, job("allocate", 50 * MIB, limited)).value == 50 * MIB
    assert run(pool, job("allocate", 200 * MIB)).value == 200 * MIB  # in the same process


def test_a_job_whose_process_is_killed_is_tried_again(pool: LocalPool, tmp_path: Path) -> None:
    assert run(pool, job("die_once", str(tmp_path / "file"))).value == "done"


def test_a_job_that_kills_every_process_has_crashed(pool: LocalPool) -> None:
    failure = run(pool, job("die", "the last words")).failure
    assert failure is not None
    assert failure.reason == "crashed"
    assert failure.message == "the process ended with SIGKILL (the last words), 3 times"


def test_an_idle_process_that_was_killed_is_replaced(pool: LocalPool) -> None:
    first = run(pool, job("process")).value
    os.kill(first, signal.SIGKILL)
    wait_for_end(first)
    second = run(pool, job("process")).value
    assert second not in (None, first)


def test_our_errors_come_back_as_objects(pool: LocalPool) -> None:
    failure = run(pool, job("refuse", "too few examples")).failure
    assert failure is not None
    assert failure.reason == "error"
    error = failure.error
    assert isinstance(error, InputError)
    assert (error.code, error.message, error.help) == ("E0611", "too few examples", "ask for less")


def test_other_exceptions_are_failures_with_a_message(pool: LocalPool) -> None:
    failure = run(pool, job("divide", [1, 0])).failure
    assert failure is not None
    assert (failure.reason, failure.error) == ("exception", None)
    assert failure.message.startswith("ZeroDivisionError: ")
    assert run(pool, job("divide", [1, 2])).value == 0.5


def test_processes_that_do_not_start_are_an_error_with_the_reason(pool: LocalPool) -> None:
    failure = run(pool, Job("aira_dsl.no_such_module:function", None)).failure
    assert failure is not None
    assert failure.reason == "not started"
    assert failure.error is not None
    assert failure.error.code == "E0602"
    assert "No module named 'aira_dsl.no_such_module'" in failure.error.message


def test_a_process_that_is_never_ready_is_an_error(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "START_SECONDS", 0.0)
    failure = run(pool, job("echo")).failure
    assert failure is not None
    assert failure.error is not None
    assert failure.error.code == "E0602"
    assert "not ready after 0 s" in failure.error.message


def test_a_worker_gets_no_keys_no_passwords_one_thread_and_no_gpu(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    secrets = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "HF_TOKEN", "PGPASSWORD", "MY_SECRET")
    for name in secrets:
        monkeypatch.setenv(name, "do-not-tell")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    given = run(pool, job("environment")).value
    assert "do-not-tell" not in given.values()
    assert given["PATH"] == os.environ["PATH"]
    assert (given["OMP_NUM_THREADS"], given["CUDA_VISIBLE_DEVICES"]) == ("1", "")


def test_a_trusted_job_gets_keys_and_a_job_gets_the_threads_and_gpus_it_needs(
    pool: LocalPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ANTHROPIC_API_KEY", "for-the-agent")
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "0")
    given = run(pool, job("environment", needs=Needs(cpus=3, gpus=1), trusted=True)).value
    assert given["ANTHROPIC_API_KEY"] == "for-the-agent"
    assert (given["MKL_NUM_THREADS"], given["CUDA_VISIBLE_DEVICES"]) == ("3", "0")


def test_several_jobs_run_at_the_same_time(make_pool: Callable[[int], LocalPool]) -> None:
    pool = make_pool(3)
    pids = {running_process(pool, job("sleep", 10 * SECONDS), tag=tag) for tag in range(3)}
    assert len(pids) == 3
    assert sorted(pool.running) == [0, 1, 2]
    pool.close()
    for pid in pids:
        wait_for_end(pid)


def test_closing_lets_a_job_with_a_grace_period_end_by_itself(
    pool: LocalPool, tmp_path: Path
) -> None:
    file = tmp_path / "file"
    running_process(pool, job("finish_on_signal", str(file), Needs(grace=SECONDS)))
    pool.close()
    assert file.read_text() == "finished"


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
        assert file.read_text() == "finished"


def test_many_jobs_run_in_few_processes_and_keep_their_places(
    make_pool: Callable[[int], LocalPool],
) -> None:
    outcomes = list(run_all([job("echo", number) for number in range(5)], make_pool(2)))
    assert sorted(outcomes, key=lambda each: each.tag) == [Outcome(n, value=n) for n in range(5)]


def test_the_result_of_an_outcome_is_its_value_or_an_error(pool: LocalPool) -> None:
    assert run(pool, job("echo", 3)).result("E0603", "a benchmark process") == 3
    with pytest.raises(InputError, match="too few"):
        run(pool, job("refuse", "too few")).result("E0603", "a benchmark process")
    with pytest.raises(RunError, match="a benchmark process failed: ZeroDivision") as caught:
        run(pool, job("divide", [1, 0])).result("E0603", "a benchmark process")
    assert caught.value.code == "E0603"
