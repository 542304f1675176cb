"""Many evaluations: what the store holds is not computed again, failures have a status."""

import os
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path

import pytest

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.evaluation.batch import evaluate_all, evaluate_many
from aira_dsl.evaluation.evaluator import ArchitectureRequest
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import SplitName, Status, TaskScore
from aira_dsl.evaluation.store import Store
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs, Outcome
from aira_dsl.primitives import MLP
from aira_dsl.testing.evaluator import PlannedEvaluator

LIMITS = {"time_limit": 600.0, "memory_limit": 1 << 30}
SMOKE, CPU = preset_settings("smoke", precision="fp32"), preset_settings("cpu", precision="fp32")
NAMES = [Architecture(width=8, blocks={"M": MLP(hidden=8)}, layers=("M",) * n) for n in range(1, 6)]


def by_depth(architecture: Architecture, seed: int, split: SplitName) -> float | Status:
    if len(architecture.layers) == 5:
        return "diverged"
    return len(architecture.layers) / 10 + seed / 100 + (split == "test") / 1000


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    with closing(Store(tmp_path / "store.db")) as opened:
        yield opened


def requests(store: Store) -> list[ArchitectureRequest]:
    """Two evaluators, two splits, one failure."""
    smoke = PlannedEvaluator(SMOKE, store=store, plan=by_depth)
    cpu = PlannedEvaluator(CPU, store=store, plan=by_depth)
    return [
        *(ArchitectureRequest(smoke, architecture, 1) for architecture in NAMES),
        *(ArchitectureRequest(cpu, architecture, 2, "test") for architecture in NAMES[:2]),
    ]


def test_results_come_in_the_order_of_the_requests(store: Store) -> None:
    told: list[tuple[int, int]] = []
    found = evaluate_all(
        requests(store), workers=2, on_result=lambda n, total, _: told.append((n, total)), **LIMITS
    )
    scores = [result.score for result in found]
    assert scores == pytest.approx([0.11, 0.21, 0.31, 0.41, None, 0.121, 0.221])
    assert [result.fingerprint for result in found[:5]] == [a.fingerprint for a in NAMES]
    assert [len(result.tasks) for result in found] == [6, 6, 6, 6, 0, 3, 3]
    assert found[4].status == "diverged"
    assert told == [(number, 7) for number in range(1, 8)]


def test_an_interrupted_batch_continues_where_it_stopped(store: Store) -> None:
    def stop(done: int, total: int, evaluation: object) -> None:
        if done == 3:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        evaluate_all(requests(store), workers=1, on_result=stop, **LIMITS)
    assert len(store) == 3
    pool = EvaluationPool(workers=2, **LIMITS)
    with closing(pool):
        found = list(evaluate_many(requests(store), pool))
    assert [(result.index, result.known) for result in found[:3]] == [(n, True) for n in range(3)]
    assert sorted(result.index for result in found[3:]) == [3, 4, 5, 6]
    assert not any(result.known for result in found[3:])
    assert len(store) == 7


class Held(PlannedEvaluator):
    """Its evaluations end when the test writes a byte into a pipe."""

    def __init__(self, pipe: Path, store: Store) -> None:
        super().__init__(SMOKE, store=store, plan=by_depth)
        self._pipe = pipe

    def job(self, architecture: Architecture, seed: int, split: SplitName, needs: Needs) -> Job:
        planned = super().job(architecture, seed, split, needs)
        payload = {"pipe": str(self._pipe), "value": planned.payload}
        return Job("aira_dsl.testing.workers:wait_for_byte", payload, needs)


def test_a_call_that_was_abandoned_does_not_disturb_the_next_one(
    store: Store, tmp_path: Path
) -> None:
    os.mkfifo(tmp_path / "pipe")
    held = ArchitectureRequest(Held(tmp_path / "pipe", store), NAMES[3], 1)
    pool = EvaluationPool(workers=2, **LIMITS)
    # Open for reading too, the pipe keeps the byte until the worker reads it.
    with open(tmp_path / "pipe", "r+b", buffering=0) as pipe, closing(pool):
        first = evaluate_many([requests(store)[0], held], pool)
        assert next(first).index == 0
        first.close()
        assert pool.running == [1]
        pipe.write(b"!")
        again = [ArchitectureRequest(r.evaluator, r.architecture, 7) for r in requests(store)[:4]]
        found = {result.index: result.evaluation for result in evaluate_many(again, pool)}
    assert [found[index].seed for index in range(4)] == [7] * 4
    assert [found[index].fingerprint for index in range(4)] == [a.fingerprint for a in NAMES[:4]]
    assert len(store) == 6  # and the result of the abandoned call


class Failing(PlannedEvaluator):
    """An evaluator whose worker function is another one."""

    def __init__(self, worker: str, payload: object, store: Store) -> None:
        super().__init__(SMOKE, store=store, plan=by_depth)
        self._worker, self._payload = worker, payload

    def job(self, architecture: Architecture, seed: int, split: SplitName, needs: Needs) -> Job:
        return Job(f"aira_dsl.testing.workers:{self._worker}", self._payload, needs)


@pytest.mark.parametrize(
    ("worker", "payload", "status", "message"),
    [
        ("sleep", 600, "over time", "stopped after 0.2 s"),
        ("allocate", 1 << 28, "out of memory", "an allocation failed"),
        ("die", "the last words", "crashed", "SIGKILL (the last words), 3 times"),
        ("divide", [1, 0], "crashed", "ZeroDivisionError"),
    ],
)
def test_a_failure_is_a_result_that_the_store_does_not_keep(
    worker: str, payload: object, status: str, message: str, store: Store
) -> None:
    request = ArchitectureRequest(Failing(worker, payload, store), NAMES[0], 3)
    limit = 0.2 if status == "over time" else 600.0
    (found,) = evaluate_all([request], workers=1, time_limit=limit, memory_limit=1 << 27)
    assert (found.status, found.score, found.seed) == (status, None, 3)
    assert found.fingerprint == NAMES[0].fingerprint
    assert found.seconds == (0.2 if status == "over time" else 0.0)
    assert message in found.message
    assert len(store) == 0


def test_a_mistake_in_the_settings_ends_the_batch(store: Store) -> None:
    request = ArchitectureRequest(Failing("refuse", "no such corpus", store), NAMES[0], 3)
    with pytest.raises(InputError, match="no such corpus") as caught:
        evaluate_all([request], workers=1, **LIMITS)
    assert caught.value.code == "E0611"


class Together(LocalPool):
    """Returns all outcomes at the same time."""

    def collect(self, timeout: float) -> list[Outcome]:
        outcomes: list[Outcome] = []
        while self.running:
            outcomes += super().collect(timeout)
        return sorted(outcomes, key=lambda outcome: outcome.tag)


def test_what_is_finished_at_the_time_of_a_mistake_is_stored(store: Store) -> None:
    good = PlannedEvaluator(SMOKE, store=store, plan=by_depth)
    bad = Failing("refuse", "no such corpus", store)
    several = [ArchitectureRequest(bad, NAMES[0], 3), ArchitectureRequest(good, NAMES[1], 3)]
    pool = EvaluationPool(workers=2, time_limit=600.0, pool=Together(2))
    with closing(pool), pytest.raises(InputError):
        list(evaluate_many(several, pool))
    assert several[1].recall() is not None


def test_a_candidate_is_pruned_at_the_same_task_here_and_in_a_worker(store: Store) -> None:
    def should_continue(tasks: Sequence[TaskScore]) -> bool:
        return len(tasks) < 2

    evaluator = PlannedEvaluator(SMOKE, plan=by_depth)
    here = evaluator.evaluate(NAMES[0], 1, should_continue=should_continue)
    assert (here.status, here.score, len(here.tasks), here.seconds) == ("pruned", None, 2, 2.0)
    pool = EvaluationPool(workers=1, **LIMITS)
    with closing(pool):
        request = ArchitectureRequest(evaluator, NAMES[0], 1)
        pool.submit(5, request, should_continue=should_continue)
        while not (ended := pool.collect(1.0)):
            pass
    assert ended == [(5, here)]
