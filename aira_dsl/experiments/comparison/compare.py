"""Compare methods: make their runs, or read finished ones, and analyse the results.

The same call continues a comparison that was interrupted or killed: runs that are done are not
started again, the others continue, final scores come from the store. With more methods or seeds it
extends the comparison.
"""

from collections.abc import Sequence
from contextlib import closing
from pathlib import Path
from typing import TypeVar

from aira_dsl.design.run import DesignRun, read_any_run
from aira_dsl.errors import InputError, UsageError
from aira_dsl.experiments.comparison.analyse_searches import analyse_searches
from aira_dsl.experiments.comparison.compatibility import by_method, check_alike
from aira_dsl.experiments.comparison.design_analysis import by_task, judge_design_runs
from aira_dsl.experiments.comparison.design_record import DesignComparison
from aira_dsl.experiments.comparison.folder import ComparisonFolder, finished_in
from aira_dsl.experiments.comparison.options import ExecutionOptions
from aira_dsl.experiments.comparison.plan import OnProgress, Plan
from aira_dsl.experiments.comparison.record import Comparison
from aira_dsl.experiments.comparison.run import Command, run_commands
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.jobs.local import LocalPool

C = TypeVar("C", bound=Comparison | DesignComparison)


def _ignore(what: str, done: int, total: int) -> None:
    """Report no progress."""


def compare(plan: Plan[C], *, on_progress: OnProgress = _ignore) -> C:
    """Make every run and analyse the results.

    A folder with a comparison of fewer methods or seeds is extended: only the new runs are made.

    Args:
        plan: what to compare, and how.
        on_progress: called before, and with every run and final score.

    Returns:
        The comparison, also written to the folder as `comparison.json`.

    Raises:
        UsageError: E0825 and others, if a method cannot be used.
        InputError: E0826 to E0828, if the folder cannot be used.
        RunError: E0829, if a run fails.
        AiraError: for unusable stores, tables and data.
    """
    execution = plan.execution
    plan.check_services(_unfinished(plan))
    with closing(ComparisonFolder(execution.out, plan.settings, force=execution.force)) as folder:
        _make_runs(plan, folder, on_progress)
        found = plan.analyse({name: folder.run(name) for name in plan.names}, on_progress)
        found.write(execution.out)
        return found


def compare_runs(
    paths: Sequence[Path],
    execution: ExecutionOptions,
    *,
    repeats: int,
    on_progress: OnProgress = _ignore,
) -> Comparison | DesignComparison:
    """Analyse runs that were made before: searches, or design runs.

    Args:
        paths: their run folders.
        execution: folder, processes, store and table.
        repeats: a final score of a search is the mean over one more seed than this.
        on_progress: called with every final score.

    Raises:
        InputError: E0811 for a path that is not a run folder; E0822, E0823 for runs that cannot be
            compared.
        UsageError: E0825, if there are none.
        AiraError: as for `compare`.
    """
    if not paths:
        raise UsageError("E0825", "there is no run to compare", help="name run folders")
    runs = [read_any_run(path) for path in paths]
    designs = [run for run in runs if isinstance(run, DesignRun)]
    searches = [run for run in runs if not isinstance(run, DesignRun)]
    if designs and searches:
        raise InputError(
            "E0822",
            f"{searches[0].folder} and {designs[0].folder} cannot be compared: one is a search, "
            "one a design run",
            help="compare searches with searches, and design runs with design runs",
        )
    asked = {"runs": sorted(run.settings.identity for run in runs), "repeats": repeats}
    budget = max(len(finished(run)) for run in runs)
    if designs:
        for group in by_task(designs).values():
            check_alike(group, equally_long=True)
    else:
        check_alike(searches, equally_long=True)
    with closing(ComparisonFolder(execution.out, asked, force=execution.force)):
        found = (
            judge_design_runs(by_method(designs), folder=execution.out, budget=budget)
            if designs
            else analyse_searches(by_method(searches), execution, budget, repeats, on_progress)
        )
        found.write(execution.out)
        return found


def _make_runs(plan: Plan[C], folder: ComparisonFolder, on_progress: OnProgress) -> None:
    names = plan.names
    waiting = [name for name in names if not _is_done(plan, folder, name)]
    commands = [
        Command(name, plan.arguments(name, folder.run(name)), log=folder.run(f"{name}.log"))
        for name in waiting
    ]
    total, left = len(names), set(waiting)

    def note(command: Command) -> None:
        folder.add_finished(command.name)
        left.discard(command.name)
        on_progress(command.name, total - len(left), total)

    on_progress("searching", total - len(left), total)
    run_commands(commands, LocalPool(plan.jobs), gpus=plan.gpus, on_finished=note)


def _unfinished(plan: Plan[C]) -> list[str]:
    """Return the runs that are still to be made; nothing on the disk is changed."""
    done = [] if plan.execution.force else finished_in(plan.execution.out)
    return [name for name in plan.names if name not in done]


def _is_done(plan: Plan[C], folder: ComparisonFolder, name: str) -> bool:
    """Tell whether a run is done and its files can be read."""
    if name not in folder.finished:
        return False
    try:
        plan.check_folder(folder.run(name))
    except InputError:
        return False
    return True
