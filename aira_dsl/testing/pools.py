"""Contract tests of pools: what every implementation of `aira_dsl.jobs.pool.Pool` must do.

    class TestMyPool(PoolContract):
        def make_pool(self, processes: int) -> Pool:
            return MyPool(processes)

in a test file runs all of them with pytest. Processes must run on this machine.
"""

import os
import time
from abc import ABC, abstractmethod
from contextlib import closing
from pathlib import Path
from typing import Any
from unittest.mock import patch

from aira_dsl.errors import InputError
from aira_dsl.jobs.pool import Job, Needs, Outcome, Pool, run_all

MIB = 1 << 20
SECONDS = 600  # a deadline that only a failing test reaches
NO_NEEDS = Needs()


def job(name: str, payload: Any = None, needs: Needs = NO_NEEDS, *, trusted: bool = False) -> Job:
    """Return a job with a worker function of `aira_dsl.testing.workers`."""
    return Job(f"aira_dsl.testing.workers:{name}", payload, needs, trusted)


def run(pool: Pool, what: Job) -> Outcome:
    """Run one job and wait for its end."""
    pool.submit(0, what)
    return wait_for_outcome(pool)


def wait_for_outcome(pool: Pool) -> Outcome:
    """Wait for the end of one job."""
    deadline = time.monotonic() + SECONDS
    while time.monotonic() < deadline:
        if ended := pool.collect(1.0):
            (outcome,) = ended
            return outcome
    raise AssertionError("no job ended")


def start(pool: Pool, what: Job, *, tag: int = 0) -> int:
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


def wait_for_end(*pids: int) -> None:
    """Wait until one of the processes is gone or a zombie of another process."""
    deadline = time.monotonic() + SECONDS
    while not any(map(_has_ended, pids)):
        assert time.monotonic() < deadline, f"all of the processes {pids} are still there"
        time.sleep(0.01)


def _has_ended(pid: int) -> bool:
    try:
        text = Path(f"/proc/{pid}/stat").read_text(encoding="utf-8")
    except OSError:
        return True
    return text.rsplit(")", 1)[1].split()[0] == "Z"


class PoolContract(ABC):
    """Tests that every pool must pass."""

    @abstractmethod
    def make_pool(self, processes: int) -> Pool:
        """Return a new pool of so many processes."""

    def test_a_job_returns_its_value_and_its_place_is_free_again(self) -> None:
        with closing(self.make_pool(1)) as pool:
            payload = {"text": "ünï\n", "numbers": [1, 2.5, None]}
            pool.submit(7, job("echo", payload))
            assert (pool.free, pool.running) == (0, [7])
            assert wait_for_outcome(pool) == Outcome(7, value=payload)
            assert (pool.free, pool.running) == (1, [])

    def test_intermediate_results_decide_whether_a_job_continues(self) -> None:
        with closing(self.make_pool(1)) as pool:
            seen: list[int] = []

            def should_continue(number: int) -> bool:
                seen.append(number)
                return number < 3

            pool.submit(0, job("count", 10), should_continue=should_continue)
            assert wait_for_outcome(pool).value == 3
            assert seen == [1, 2, 3]
            assert run(pool, job("count", 10)).value == 10

    def test_a_job_that_takes_too_long_is_stopped(self) -> None:
        with closing(self.make_pool(1)) as pool:
            failure = run(pool, job("sleep", 10 * SECONDS, Needs(seconds=0.3))).failure
            assert failure is not None
            assert (failure.reason, failure.message) == ("over time", "stopped after 0.3 s")
            assert run(pool, job("sleep", 0)).failure is None

    def test_a_job_that_allocates_too_much_is_stopped(self) -> None:
        with closing(self.make_pool(1)) as pool:
            limited = Needs(memory=100 * MIB)
            failure = run(pool, job("allocate", 200 * MIB, limited)).failure
            assert failure is not None
            assert failure.reason == "out of memory"
            assert run(pool, job("allocate", 50 * MIB, limited)).value == 50 * MIB
            assert run(pool, job("allocate", 200 * MIB)).value == 200 * MIB

    def test_memory_that_is_set_aside_is_no_limit(self) -> None:
        with closing(self.make_pool(1)) as pool:
            aside = Needs(reserve=100 * MIB)
            assert run(pool, job("allocate", 200 * MIB, aside)).value == 200 * MIB

    def test_a_job_whose_process_is_killed_is_tried_again(self, tmp_path: Path) -> None:
        with closing(self.make_pool(1)) as pool:
            assert run(pool, job("die_once", str(tmp_path / "file"))).value == "done"

    def test_a_job_that_kills_every_process_has_crashed(self) -> None:
        with closing(self.make_pool(1)) as pool:
            failure = run(pool, job("die", "the last words")).failure
            assert failure is not None
            assert failure.reason == "crashed"
            assert failure.message == "the process ended with SIGKILL (the last words), 3 times"

    def test_our_errors_come_back_as_objects(self) -> None:
        with closing(self.make_pool(1)) as pool:
            failure = run(pool, job("refuse", "too few examples")).failure
            assert failure is not None
            assert failure.reason == "error"
            error = failure.error
            assert isinstance(error, InputError)
            assert (error.code, error.message, error.help) == (
                "E0611",
                "too few examples",
                "ask for less",
            )

    def test_other_exceptions_are_failures_with_a_message(self) -> None:
        with closing(self.make_pool(1)) as pool:
            failure = run(pool, job("divide", [1, 0])).failure
            assert failure is not None
            assert (failure.reason, failure.error) == ("exception", None)
            assert failure.message.startswith("ZeroDivisionError: ")
            assert run(pool, job("divide", [1, 2])).value == 0.5

    def test_processes_that_do_not_start_are_an_error_with_the_reason(self) -> None:
        with closing(self.make_pool(1)) as pool:
            failure = run(pool, Job("aira_dsl.no_such_module:function", None)).failure
            assert failure is not None
            assert failure.reason == "not started"
            assert failure.error is not None
            assert failure.error.code == "E0602"
            assert "No module named 'aira_dsl.no_such_module'" in failure.error.message

    def test_a_worker_gets_no_keys_no_passwords_one_thread_and_no_gpu(self) -> None:
        with closing(self.make_pool(1)) as pool:
            names = (
                "ANTHROPIC_API_KEY",
                "ANTHROPIC_AUTH_TOKEN",
                "HF_TOKEN",
                "PGPASSWORD",
                "MY_SECRET",
            )
            set_here = {**dict.fromkeys(names, "do-not-tell"), "CUDA_VISIBLE_DEVICES": "0"}
            with patch.dict(os.environ, set_here):
                given = run(pool, job("environment")).value
            assert "do-not-tell" not in given.values()
            assert given["PATH"] == os.environ["PATH"]
            assert (given["OMP_NUM_THREADS"], given["CUDA_VISIBLE_DEVICES"]) == ("1", "")

    def test_a_trusted_job_gets_keys_and_a_job_gets_the_threads_and_gpus_it_needs(self) -> None:
        with closing(self.make_pool(1)) as pool:
            set_here = {"ANTHROPIC_API_KEY": "for-the-agent", "CUDA_VISIBLE_DEVICES": "0"}
            with patch.dict(os.environ, set_here):
                given = run(
                    pool, job("environment", needs=Needs(cpus=3, gpus=1), trusted=True)
                ).value
            assert given["ANTHROPIC_API_KEY"] == "for-the-agent"
            assert (given["MKL_NUM_THREADS"], given["CUDA_VISIBLE_DEVICES"]) == ("3", "0")

    def test_several_jobs_run_at_the_same_time(self) -> None:
        with closing(self.make_pool(3)) as pool:
            pids = {start(pool, job("sleep", 10 * SECONDS), tag=tag) for tag in range(3)}
            assert len(pids) == 3
            assert sorted(pool.running) == [0, 1, 2]
            pool.close()
            for pid in pids:
                wait_for_end(pid)

    def test_many_jobs_run_in_few_processes_and_keep_their_places(self) -> None:
        with closing(self.make_pool(2)) as pool:
            outcomes = list(run_all([job("echo", number) for number in range(5)], pool))
            assert sorted(outcomes, key=lambda each: each.tag) == [
                Outcome(n, value=n) for n in range(5)
            ]

    def test_closing_lets_a_job_with_a_grace_period_end_by_itself(self, tmp_path: Path) -> None:
        with closing(self.make_pool(1)) as pool:
            file = tmp_path / "file"
            start(pool, job("finish_on_signal", str(file), Needs(grace=SECONDS)))
            pool.close()
            assert file.read_text(encoding="utf-8") == "finished"
