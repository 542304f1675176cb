"""Evaluate a list of candidates on all cores; what the store has is not computed again.

So a long list is made in as many sittings as it takes: the same call goes on where it stood.
"""

from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.pool import Pool
from aira_dsl.evaluation.result import Evaluation

TICK = 1.0  # seconds between looks at the processes


@dataclass(frozen=True)
class Task:
    """One evaluation to be done, on the validation split."""

    evaluator: Evaluator
    architecture: Architecture
    seed: int


def evaluate_all(
    tasks: Sequence[Task],
    *,
    workers: int,
    time_limit: float,
    memory_limit: int,
    on_result: Callable[[int, int, Evaluation], None] = lambda done, total, evaluation: None,
) -> list[Evaluation]:
    """Return the evaluations of all tasks, in their order.

    Args:
        tasks: every evaluator among them needs a store.
        workers: evaluation processes.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.
        on_result: called with the number done, the number of all, and what has just finished.

    Raises:
        AiraError: for unusable data or stores; what is finished stays in the store.
    """
    found: dict[int, Evaluation] = {}
    for index, task in enumerate(tasks):
        if (known := task.evaluator.recall(task.architecture, task.seed)) is not None:
            found[index] = known
    for evaluator in dict.fromkeys(task.evaluator for task in tasks):
        waiting = [
            index
            for index, task in enumerate(tasks)
            if task.evaluator is evaluator and index not in found
        ]
        if not waiting:
            continue
        pool = Pool(
            evaluator,
            workers=min(workers, len(waiting)),
            time_limit=time_limit,
            memory_limit=memory_limit,
        )
        with closing(pool):
            while waiting or pool.running:
                while waiting and pool.free:
                    index = waiting.pop(0)
                    pool.submit(index, tasks[index].architecture, tasks[index].seed)
                for index, evaluation in pool.collect(TICK):
                    found[index] = evaluation
                    on_result(len(found), len(tasks), evaluation)
    return [found[index] for index in range(len(tasks))]
