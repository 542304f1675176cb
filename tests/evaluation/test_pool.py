"""Evaluations in other processes: the same numbers, and failures with a status."""

import time
from collections.abc import Callable, Iterator, Sequence

import pytest

from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import Compression, Memorization, SplitSizes
from aira_dsl.errors import InputError
from aira_dsl.evaluation.evaluator import ArchitectureRequest, Evaluator
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.presets import EvaluatorSettings, TaskRun
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.primitives import MLP, Attention
from aira_dsl.training.recipe import Recipe

TINY = Architecture(width=8, blocks={"M": MLP(hidden=8)}, layers=("M",))
RUN = TaskRun(
    task=Memorization(vocab=16, length=8),
    sizes=SplitSizes(train=64, validation=16, test=16),
    recipe=Recipe(steps=2, batch=8),
)
SHORT = EvaluatorSettings(objective="mad", preset="test", runs=(RUN,))


@pytest.fixture(scope="module")
def make_pool() -> Iterator[Callable[[int], EvaluationPool]]:
    pools: list[EvaluationPool] = []

    def make(memory_limit: int) -> EvaluationPool:
        pools.append(EvaluationPool(workers=1, time_limit=600, memory_limit=memory_limit))
        return pools[-1]

    yield make
    for pool in pools:
        pool.close()


@pytest.fixture(scope="module")
def pool(make_pool: Callable[[int], EvaluationPool]) -> EvaluationPool:
    """One process for evaluations that fit in memory."""
    return make_pool(1 << 30)


def collect(pool: EvaluationPool) -> Evaluation:
    deadline = time.monotonic() + 900
    while time.monotonic() < deadline:
        if done := pool.collect(1.0):
            ((_, evaluation),) = done
            return evaluation
    raise AssertionError("no evaluation was finished")


def test_a_worker_finds_what_the_evaluator_finds_here(pool: EvaluationPool) -> None:
    second = RUN.model_copy(update={"task": Compression(vocab=8, length=12)})
    evaluator = Evaluator(SHORT.model_copy(update={"runs": (RUN, second)}))
    pool.submit(7, ArchitectureRequest(evaluator, TINY, seed=3))
    assert (pool.free, pool.running) == (0, [7])
    there, here = collect(pool), evaluator.evaluate(TINY, 3)
    assert there.score == here.score
    assert there.tasks[0].bits_per_token == here.tasks[0].bits_per_token
    assert pool.free == 1

    seen: list[Sequence[TaskScore]] = []

    def should_continue(tasks: Sequence[TaskScore]) -> bool:
        seen.append(tasks)
        return False

    pool.submit(8, ArchitectureRequest(evaluator, TINY, seed=3), should_continue=should_continue)
    pruned = collect(pool)
    assert (pruned.status, pruned.score) == ("pruned", None)
    assert [[task.task for task in tasks] for tasks in seen] == [["memorization"]]
    assert list(pruned.tasks) == seen[0]


@pytest.mark.slow
def test_a_candidate_that_takes_too_much_memory_is_stopped(
    make_pool: Callable[[int], EvaluationPool],
) -> None:
    """Its weights or its activations alone; the next candidate is evaluated as ever."""
    large = Architecture(width=2048, blocks={"M": MLP(hidden=8192)}, layers=("M",) * 4)  # 512 MiB
    pool = make_pool(256 << 20)
    pool.submit(0, ArchitectureRequest(Evaluator(SHORT), large, seed=0))
    evaluation = collect(pool)
    assert evaluation.status == "out of memory", evaluation

    long = RUN.model_copy(
        update={
            "task": Memorization(vocab=16, length=4096),
            "recipe": Recipe(steps=2, batch=64),
        }
    )
    wide = Architecture(width=64, blocks={"A": Attention(heads=8)}, layers=("A",) * 4)
    evaluator = Evaluator(SHORT.model_copy(update={"runs": (long,)}))
    pool.submit(1, ArchitectureRequest(evaluator, wide, seed=0))
    evaluation = collect(pool)
    assert evaluation.status == "out of memory", evaluation

    pool.submit(2, ArchitectureRequest(Evaluator(SHORT), TINY, seed=0))
    assert collect(pool).status == "ok"


def test_data_that_cannot_be_had_is_an_error_not_a_failed_candidate(pool: EvaluationPool) -> None:
    few = RUN.model_copy(
        update={
            "task": Memorization(vocab=5, length=2),
            "sizes": SplitSizes(train=500, validation=500, test=500),
        }
    )
    evaluator = Evaluator(SHORT.model_copy(update={"runs": (few,)}))
    pool.submit(0, ArchitectureRequest(evaluator, TINY, seed=0))
    with pytest.raises(InputError) as caught:
        collect(pool)
    assert caught.value.code == "E0611"
