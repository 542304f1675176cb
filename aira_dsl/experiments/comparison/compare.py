"""Compare methods: run their searches, or read finished ones, and analyse the results.

The same call continues a comparison that was interrupted or killed: searches that are done are not
started again, the others continue, final scores come from the store.
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
from aira_dsl.experiments.comparison.folder import ComparisonFolder
from aira_dsl.experiments.comparison.record import Comparison
from aira_dsl.experiments.comparison.run import SearchJob, run_searches
from aira_dsl.experiments.comparison.settings import ComparisonSettings, ExecutionOptions
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.jobs.local import LocalPool
from aira_dsl.study.run import Run, read_run
from aira_dsl.utils.machine import available_cores

OnProgress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and the total."""


def _ignore(what: str, done: int, total: int) -> None:
    """Report no progress."""


def compare(
    settings: ComparisonSettings,
    execution: ExecutionOptions,
    *,
    space: Path | None = None,
    on_progress: OnProgress = _ignore,
) -> Comparison:
    """Run every method with every seed and analyse the results.

    Args:
        settings: what to compare.
        execution: folder, processes, store and table.
        space: the file of the space in `settings`; None for the evaluator's own.
        on_progress: called before, and with every search and final score.

    Returns:
        The comparison, also written to the folder as `comparison.json`.

    Raises:
        InputError: E0826 to E0828, if the folder cannot be used.
        RunError: E0829, if a search fails.
        AiraError: for unusable stores, tables and data.
    """
    asked = settings.model_dump(mode="json")
    with closing(ComparisonFolder(execution.out, asked, force=execution.force)) as folder:
        _run_searches(settings, execution, folder, space, on_progress)
        groups: dict[str, list[Run]] = {method: [] for method in settings.methods}
        for method, seed in settings.runs:
            groups[method].append(read_run(folder.run(_name(method, seed))))
        check_alike([run for group in groups.values() for run in group])
        return _analyse(groups, execution, settings.budget, settings.repeats, on_progress)


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


def _run_searches(
    settings: ComparisonSettings,
    execution: ExecutionOptions,
    folder: ComparisonFolder,
    space: Path | None,
    on_progress: OnProgress,
) -> None:
    jobs = []
    for method, seed in settings.runs:
        name = _name(method, seed)
        options = settings.search_options(method, seed, execution, folder.run(name))
        jobs.append(SearchJob(name, space, options, log=folder.run(f"{name}.log")))
    waiting = [job for job in jobs if not _is_done(folder, job.name)]
    total, left = len(jobs), {job.name for job in waiting}

    def note(job: SearchJob) -> None:
        folder.add_finished(job.name)
        left.discard(job.name)
        on_progress(job.name, total - len(left), total)

    on_progress("searching", total - len(left), total)
    pool = LocalPool(execution.jobs or available_cores())
    run_searches(waiting, pool, gpus=_gpus(settings), on_finished=note)


def _gpus(settings: ComparisonSettings) -> int:
    """Return 1 if the searches evaluate on a GPU, as `aira-dsl search` decides by itself."""
    if settings.evaluator == "table":
        return 0
    from aira_dsl.models.precision import choose_device

    return int(choose_device("auto") == "cuda")


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


def _name(method: str, seed: int) -> str:
    return f"{method}-s{seed}"
