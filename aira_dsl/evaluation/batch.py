"""Evaluate many candidates; what the store holds is not computed again.

So a long list is made in as many sessions as it takes: the same call continues where the last one
stopped.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass

from aira_dsl.evaluation.pool import MEMORY_LIMIT, EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import Evaluation

TICK = 1.0  # seconds between two calls of `on_tick`, at most


@dataclass(frozen=True)
class Finished:
    """One result of `evaluate_many`.

    Attributes:
        index: place of its request.
        evaluation: the result.
        known: whether the store held it.
    """

    index: int
    evaluation: Evaluation
    known: bool


def evaluate_many(
    requests: Sequence[EvaluationRequest],
    pool: EvaluationPool,
    *,
    on_tick: Callable[[], None] = lambda: None,
) -> Iterator[Finished]:
    """Yield the results of all requests: first those that the stores hold, then as they finish.

    Args:
        requests: what to evaluate; started in their order.
        pool: where.
        on_tick: called about once a second while processes are at work.

    Raises:
        AiraError: for unusable data or stores; what is finished stays in the store.
        RunError: E0602, if no process can be started.
    """
    first = 1 + max(pool.running, default=-1)  # tags from a call that was abandoned are lower
    waiting = []
    for index, request in enumerate(requests):
        if (known := request.recall()) is not None:
            yield Finished(index, known, known=True)
        else:
            waiting.append(index)
    while waiting or pool.running:
        while waiting and pool.free:
            index = waiting.pop(0)
            pool.submit(first + index, requests[index])
        for tag, evaluation in pool.collect(TICK):
            if tag >= first:
                yield Finished(tag - first, evaluation, known=False)
        on_tick()


def evaluate_all(  # noqa: PLR0913 — all by name
    requests: Sequence[EvaluationRequest],
    *,
    workers: int | None,
    time_limit: float,
    memory_limit: int = MEMORY_LIMIT,
    ray: str | None = None,
    on_result: Callable[[int, int, Evaluation], None] = lambda done, total, evaluation: None,
) -> list[Evaluation]:
    """Return the evaluations of all requests, in their order.

    Args:
        requests: every evaluator among them needs a store.
        workers: evaluation processes; None for one a core, or for as many as a cluster holds.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.
        ray: address of a Ray cluster that evaluates; None for this machine.
        on_result: called with the number done, the number of all, and what has just finished.

    Raises:
        UsageError: E1901, E1902, if there is no such cluster.
        AiraError: as for `evaluate_many`.
    """
    found: dict[int, Evaluation] = {}
    pool = EvaluationPool(
        workers=workers, ray=ray, time_limit=time_limit, memory_limit=memory_limit
    )
    with closing(pool):
        for result in evaluate_many(requests, pool):
            found[result.index] = result.evaluation
            if not result.known:
                on_result(len(found), len(requests), result.evaluation)
    return [found[index] for index in range(len(requests))]
