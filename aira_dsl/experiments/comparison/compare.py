"""Compare methods: run their searches, or read finished ones, and analyse the results.

The same call continues a comparison that was interrupted or killed: searches that are done are not
started again, the others continue, final scores come from the store. With more methods or seeds it
extends the comparison.
"""

from collections.abc import Callable, Sequence
from contextlib import ExitStack, closing
from pathlib import Path

from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.experiments.comparison.analysis import Groups, judge_runs
from aira_dsl.experiments.comparison.compatibility import by_method, check_alike
from aira_dsl.experiments.comparison.final_scores import (
    evaluator_of,
    final_scores,
    test_seeds,
)
from aira_dsl.experiments.comparison.folder import ComparisonFolder, finished_in
from aira_dsl.experiments.comparison.methods import Method
from aira_dsl.experiments.comparison.options import ExecutionOptions
from aira_dsl.experiments.comparison.plan import ComparisonPlan
from aira_dsl.experiments.comparison.record import Comparison
from aira_dsl.experiments.comparison.run import Command, run_commands
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.jobs.local import LocalPool
from aira_dsl.study.run import Run, read_run
from aira_dsl.utils.machine import available_cores
from aira_dsl.utils.options import arguments_of

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and the total."""


def _ignore(what: str, done: int, total: int) -> None:
    """Report no progress."""


def compare(plan: ComparisonPlan, *, on_progress: OnProgress = _ignore) -> Comparison:
    """Run every method with every seed and analyse the results.

    A folder with a comparison of fewer methods or seeds is extended: only the new runs are made.

    Args:
        plan: what to compare, and how.
        on_progress: called before, and with every search and final score.

    Returns:
        The comparison, also written to the folder as `comparison.json`.

    Raises:
        UsageError: E0825 and others, if a method cannot be used.
        InputError: E0826 to E0828, if the folder cannot be used.
        RunError: E0829, if a search fails.
        AiraError: for unusable stores, tables and data.
    """
    execution = plan.execution
    plan.check_services(_unfinished(plan))
    with closing(ComparisonFolder(execution.out, plan.settings, force=execution.force)) as folder:
        _run_searches(plan, folder, on_progress)
        groups: dict[str, list[Run]] = {method.name: [] for method in plan.methods}
        for method, seed in plan.runs:
            groups[method.name].append(read_run(folder.run(_name(method, seed))))
        check_alike([run for group in groups.values() for run in group])
        budget, repeats = plan.compared.budget, plan.compared.repeats
        return _analyse(groups, execution, budget, repeats, on_progress)


def compare_runs(
    paths: Sequence[Path],
    execution: ExecutionOptions,
    *,
    repeats: int,
    on_progress: OnProgress = _ignore,
) -> Comparison:
    """Analyse searches that were run before.

    Args:
        paths: their run folders.
        execution: folder, processes, store and table.
        repeats: a final score is the mean over one more seed than this.
        on_progress: called with every final score.

    Raises:
        InputError: E0811 for a path that is not a run folder; E0822, E0823 for runs that cannot be
            compared.
        UsageError: E0825, if there are none.
        AiraError: as for `compare`.
    """
    if not paths:
        raise UsageError("E0825", "there is no run to compare", help="name run folders")
    runs = [read_run(path) for path in paths]
    check_alike(runs, equally_long=True)
    asked = {"runs": sorted(run.settings.identity for run in runs), "repeats": repeats}
    with closing(ComparisonFolder(execution.out, asked, force=execution.force)):
        budget = len(finished(runs[0]))
        return _analyse(by_method(runs), execution, budget, repeats, on_progress)


def _run_searches(plan: ComparisonPlan, folder: ComparisonFolder, on_progress: OnProgress) -> None:
    runs = {_name(method, seed): (method, seed) for method, seed in plan.runs}
    waiting = {name: run for name, run in runs.items() if not _is_done(folder, name)}
    commands = [_command(plan, *run, folder) for run in waiting.values()]
    total, left = len(runs), set(waiting)

    def note(command: Command) -> None:
        folder.add_finished(command.name)
        left.discard(command.name)
        on_progress(command.name, total - len(left), total)

    on_progress("searching", total - len(left), total)
    pool = LocalPool(plan.execution.jobs or available_cores())
    run_commands(commands, pool, gpus=_gpus(plan.compared.evaluator), on_finished=note)


def _command(plan: ComparisonPlan, method: Method, seed: int, folder: ComparisonFolder) -> Command:
    name = _name(method, seed)
    space = () if plan.space is None else (str(plan.space),)
    options = plan.search_options(method, seed, folder.run(name))
    return Command(name, ("search", *space, *arguments_of(options)), log=folder.run(f"{name}.log"))


def _gpus(evaluator: str) -> int:
    """Return 1 if the searches evaluate on a GPU, as `aira-dsl search` decides by itself."""
    if evaluator == "table":
        return 0
    from aira_dsl.models.precision import choose_device

    return int(choose_device("auto") == "cuda")


def _unfinished(plan: ComparisonPlan) -> list[Method]:
    """Return the methods that have searches to run; nothing on the disk is changed."""
    done = [] if plan.execution.force else finished_in(plan.execution.out)
    return [method for method, seed in plan.runs if _name(method, seed) not in done]


def _is_done(folder: ComparisonFolder, name: str) -> bool:
    """Tell whether a search is done and its files can be read."""
    if name not in folder.finished:
        return False
    try:
        read_run(folder.run(name))
    except InputError:
        return False
    return True


def _analyse(
    groups: Groups,
    execution: ExecutionOptions,
    budget: int,
    repeats: int,
    on_progress: OnProgress,
) -> Comparison:
    runs = [run for group in groups.values() for run in group]
    evaluator = evaluator_of(runs[0], execution.table)
    seeds = test_seeds(evaluator, repeats)

    def tell(done: int, total: int) -> None:
        on_progress("final scores", done, total)

    with ExitStack() as opened:
        if not isinstance(evaluator, TableEvaluator):
            store = Store(execution.store or default_store_path())
            evaluator.store = opened.enter_context(closing(store))
        workers = execution.jobs or available_cores()
        tests = final_scores(runs, evaluator, seeds, workers=workers, on_result=tell)
    comparison = judge_runs(groups, tests, evaluator=evaluator, folder=execution.out, budget=budget)
    comparison.write(execution.out)
    return comparison


def _name(method: Method, seed: int) -> str:
    return f"{method.folder}-s{seed}"
