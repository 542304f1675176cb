"""Evaluation processes: their limits really stop a candidate, and nothing outlives its parent."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import Memorization, SplitSizes
from aira_dsl.errors import InputError
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.pool import Pool
from aira_dsl.evaluation.presets import EvaluatorSettings, TaskRun, preset_settings
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.primitives import MLP, Attention
from aira_dsl.training.loop import Recipe

TINY = Architecture(width=8, blocks={"M": MLP(hidden=8)}, layers=("M",))


def settings(steps: int) -> EvaluatorSettings:
    run = TaskRun(
        task=Memorization(vocab=16, length=8),
        sizes=SplitSizes(train=64, validation=16, test=16),
        recipe=Recipe(steps=steps, batch=8),
    )
    return EvaluatorSettings(objective="mad", preset="test", runs=(run,))


SHORT, ENDLESS = settings(2), settings(10**7)


@pytest.fixture
def make_pool() -> Iterator[Callable[..., Pool]]:
    pools: list[Pool] = []

    def make(
        evaluator_settings: EvaluatorSettings,
        *,
        workers: int = 1,
        time_limit: float = 60,
        memory_limit: int = 1 << 30,
    ) -> Pool:
        evaluator = Evaluator(evaluator_settings)
        pools.append(
            Pool(evaluator, workers=workers, time_limit=time_limit, memory_limit=memory_limit)
        )
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


def collect(pool: Pool) -> Evaluation:
    deadline = time.monotonic() + 120
    while time.monotonic() < deadline:
        if done := pool.collect(1.0):
            ((_, evaluation),) = done
            return evaluation
    raise AssertionError("nothing came back")


def worker_pids() -> list[int]:
    listed = subprocess.run(
        ["pgrep", "-P", str(os.getpid()), "-f", "aira_dsl.evaluation.worker"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    return [int(line) for line in listed.stdout.split()]


def test_a_worker_finds_what_the_evaluator_finds_here(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(SHORT)
    pool.submit(7, TINY, seed=3)
    assert pool.free == 0
    assert pool.running == [7]
    there, here = collect(pool), Evaluator(SHORT).evaluate(TINY, 3)
    assert there.score == here.score
    assert there.tasks[0].bits_per_token == here.tasks[0].bits_per_token
    assert pool.free == 1


def test_a_candidate_that_takes_too_long_is_stopped(make_pool: Callable[..., Pool]) -> None:
    pool = make_pool(ENDLESS, time_limit=0.5)
    pool.submit(0, TINY, seed=0)
    evaluation = collect(pool)
    assert evaluation.status == "over time"
    assert evaluation.score is None
    assert worker_pids() == []


def test_a_candidate_that_takes_too_much_memory_is_stopped(
    make_pool: Callable[..., Pool],
) -> None:
    large = Architecture(width=2048, blocks={"M": MLP(hidden=8192)}, layers=("M",) * 4)
    pool = make_pool(SHORT, memory_limit=300 << 20)  # its weights alone take 512 MiB
    pool.submit(0, large, seed=0)
    evaluation = collect(pool)
    assert evaluation.status == "out of memory", evaluation
    pool.submit(1, TINY, seed=0)  # a fresh worker serves the next one
    assert collect(pool).status == "ok"


def test_a_candidate_whose_activations_explode_is_stopped(make_pool: Callable[..., Pool]) -> None:
    run = SHORT.runs[0].model_copy(
        update={
            "task": Memorization(vocab=16, length=4096),
            "recipe": Recipe(steps=2, batch=64),
        }
    )
    wide = Architecture(width=64, blocks={"A": Attention(heads=8)}, layers=("A",) * 4)
    pool = make_pool(SHORT.model_copy(update={"runs": (run,)}), memory_limit=256 << 20)
    pool.submit(0, wide, seed=0)
    assert collect(pool).status == "out of memory"


def test_a_worker_killed_by_somebody_is_replaced_and_its_candidate_tried_again(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool(SHORT)
    pool.submit(0, TINY, seed=0)
    (pid,) = worker_pids()
    os.kill(pid, signal.SIGKILL)
    evaluation = collect(pool)
    assert evaluation.status == "ok"
    assert worker_pids() != [pid]


def test_a_candidate_that_kills_every_worker_is_reported_as_crashed(
    make_pool: Callable[..., Pool],
) -> None:
    pool = make_pool(ENDLESS)
    pool.submit(0, TINY, seed=0)
    killed: set[int] = set()
    result: list[Evaluation] = []
    deadline = time.monotonic() + 120
    while not result and time.monotonic() < deadline:
        result = [evaluation for _, evaluation in pool.collect(0.05)]
        for pid in worker_pids():
            # Only once it is at work: a worker that never starts is the machine's fault.
            if pid not in killed and pool._workers[0].ready:
                killed.add(pid)
                os.kill(pid, signal.SIGKILL)
    assert result[0].status == "crashed"
    assert "SIGKILL" in result[0].message
    assert len(killed) == 3


def test_workers_die_with_their_parent() -> None:
    code = (
        "import os\n"
        "from tests.evaluation.test_pool import ENDLESS, TINY\n"
        "from aira_dsl.evaluation.evaluator import Evaluator\n"
        "from aira_dsl.evaluation.pool import Pool\n"
        "pool = Pool(Evaluator(ENDLESS), workers=1, time_limit=600, memory_limit=1 << 30)\n"
        "pool.submit(0, TINY, seed=0)\n"
        "while not pool._workers[0].ready: pool.collect(1.0)\n"
        "print(pool._workers[0]._process.pid, flush=True)\n"
        "os.kill(os.getpid(), 9)\n"
    )
    parent = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=120
    )
    pid = int(parent.stdout)
    subprocess.run(["tail", f"--pid={pid}", "-f", "/dev/null"], timeout=30, check=True)


def test_data_that_can_not_be_had_is_an_error_not_a_failed_candidate(
    make_pool: Callable[..., Pool],
) -> None:
    run = SHORT.runs[0].model_copy(
        update={
            "task": Memorization(vocab=5, length=2),
            "sizes": SplitSizes(train=500, validation=500, test=500),
        }
    )
    pool = make_pool(SHORT.model_copy(update={"runs": (run,)}))
    pool.submit(0, TINY, seed=0)
    with pytest.raises(InputError) as caught:
        collect(pool)
    assert caught.value.code == "E0611"


def test_presets_differ_in_identity_and_a_corpus_counts_by_its_content(tmp_path: Path) -> None:
    identities = {preset_settings(name).identity() for name in ("smoke", "cpu", "paper")}
    assert len(identities) == 3

    def identity_of(name: str, text: str) -> str:
        (tmp_path / name).write_text(text)
        return preset_settings("smoke", objective="language", corpus=[tmp_path / name]).identity()

    sheep = "".join(f"{number} sheep\n" for number in range(900))
    assert identity_of("a.txt", sheep) == identity_of("b.txt", sheep)
    assert identity_of("a.txt", sheep) != identity_of("a.txt", sheep.replace("sheep", "goats"))


def test_a_worker_gets_no_keys_and_no_passwords(make_pool, monkeypatch) -> None:
    secrets = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "HF_TOKEN", "PGPASSWORD", "MY_SECRET")
    for name in secrets:
        monkeypatch.setenv(name, "do-not-tell")
    pool = make_pool(ENDLESS)
    pool.submit(1, TINY, 0)
    process = pool._workers[0]._process
    assert process is not None
    given = Path(f"/proc/{process.pid}/environ").read_bytes()
    assert b"do-not-tell" not in given
    assert b"PATH=" in given
