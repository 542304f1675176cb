"""Analysis of searches: their final scores, then the comparison."""

from collections.abc import Callable
from contextlib import ExitStack, closing

from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.experiments.comparison.analysis import Groups, judge_runs
from aira_dsl.experiments.comparison.final_scores import evaluator_of, final_scores, test_seeds
from aira_dsl.experiments.comparison.options import ExecutionOptions
from aira_dsl.experiments.comparison.record import Comparison


def analyse_searches(
    groups: Groups,
    execution: ExecutionOptions,
    budget: int,
    repeats: int,
    on_progress: Callable[[str, int, int], None],
) -> Comparison:
    """Return the comparison of searches with their final scores.

    Args:
        groups: runs by method, all evaluated alike.
        execution: folder, processes, store and table.
        budget: evaluations of each run.
        repeats: a final score is the mean over one more seed than this.
        on_progress: called with every final score.
    """
    runs = [run for group in groups.values() for run in group]
    evaluator = evaluator_of(runs[0], execution.table)
    seeds = test_seeds(evaluator, repeats)

    def tell(done: int, total: int) -> None:
        on_progress("final scores", done, total)

    with ExitStack() as opened:
        if not isinstance(evaluator, TableEvaluator):
            store = Store(execution.store or default_store_path())
            evaluator.store = opened.enter_context(closing(store))
        tests = final_scores(
            runs,
            evaluator,
            seeds,
            workers=execution.jobs,
            ray=execution.ray,
            on_result=tell,
        )
    return judge_runs(groups, tests, evaluator=evaluator, folder=execution.out, budget=budget)
