"""The functions behind `import aira_dsl` that run something: `evaluate`, `search`, `run_design`.

Functions on texts and values (`load`, `check`, `cost`, `build`, …) are public names of the packages
that define them; `aira_dsl/__init__.pyi` lists all.
"""

import inspect
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, TypeVar

from aira_dsl.architecture import Architecture
from aira_dsl.design.judge_folder import judge_folder as judge_candidate
from aira_dsl.design.judgement import Judgement
from aira_dsl.design.options import DesignOptions, JudgeOptions
from aira_dsl.design.plan import DesignPlan
from aira_dsl.design.result import DesignResult
from aira_dsl.evaluation.choices import Objective, PresetName
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.evaluation.store import Store, default_store_path
from aira_dsl.report.design_files import write_design_run
from aira_dsl.report.run_files import write_run
from aira_dsl.space import Space
from aira_dsl.study.agent.setup import Preview, preview_of
from aira_dsl.study.options import SearchOptions
from aira_dsl.study.plan import SearchPlan
from aira_dsl.study.progress import Progress
from aira_dsl.study.result import SearchResult, summarise
from aira_dsl.study.session import Session
from aira_dsl.utils.machine import DeviceChoice, PrecisionChoice
from aira_dsl.utils.options import options_of

__all__ = [
    "DesignResult",
    "Evaluation",
    "Preview",
    "Progress",
    "SearchResult",
    "evaluate",
    "judge_folder",
    "preview",
    "run_design",
    "search",
]


F = TypeVar("F", bound=Callable[..., Any])


def _with_search_options(function: F) -> F:
    """Show the search options in place of `**options` in the signature: for `help` and editors."""
    first, *others, _ = inspect.signature(function).parameters.values()
    fields = inspect.signature(SearchOptions).parameters.values()
    function.__signature__ = inspect.Signature(  # type: ignore[attr-defined]
        [first, *fields, *others]
    )
    return function


def evaluate(
    architecture: Architecture,
    *,
    preset: PresetName = "cpu",
    objective: Objective = "mad",
    corpus: Sequence[str | Path] = (),
    precision: PrecisionChoice = "auto",
    device: DeviceChoice = "auto",
    seed: int = 0,
    store: str | Path | None = None,
) -> Evaluation:
    """Train an architecture on the proxy tasks and score it on the validation split.

    Runs in this process, on one thread. The same call gives the same numbers; a result in the
    store is returned at once.

    Args:
        architecture: any architecture; its vocabulary is replaced by each task's.
        preset: cost of the evaluation, see docs/proxy.md.
        objective: `mad` (mean token accuracy, higher is better) or `language` (bits per byte).
        corpus: text files or folders for `language`; empty for the default corpus.
        precision: fp32, bf16, or the faster one on this machine (docs/engine.md).
        device: cpu, cuda, or a GPU if there is one.
        seed: seed of data, initialisation and order.
        store: the SQLite file of results; None for the user's own.

    Raises:
        AiraError: for unusable data (E06xx) or an unusable store (E07xx).
    """
    settings = preset_settings(
        preset, objective=objective, corpus=corpus, precision=precision, device=device
    )
    with closing(Store(store or default_store_path())) as opened:
        return Evaluator(settings, store=opened).evaluate(architecture, seed)


@_with_search_options
def search(
    space: Space | None = None,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    **options: Any,
) -> SearchResult:
    """Search a space of arrangements; the same call continues a search that was interrupted.

    Args:
        space: the searched space; None for the paper's 16 slots of attention, MLP and Mamba-2.
        on_progress: called with the state of the search, several times a second.
        options: the fields of `aira_dsl.study.options.SearchOptions`, such as `budget=50`; the
            options of `aira-dsl search`, listed in docs/options.md.

    Raises:
        TypeError: an option does not exist.
        UsageError: E0808, for a value that an option does not accept; E0809, for options of the
            other method; E0810, for more workers than memory holds; E0819, if the caps do not
            allow a single call.
        AiraError: for unusable input, folders, stores and databases; see docs/codes.md.
    """
    plan = SearchPlan.of(space, options_of(SearchOptions, options))
    with Session(plan, on_progress=on_progress, on_end=write_run) as session:
        return summarise(session.run(), plan, session.folder.path)


def judge_folder(
    task: str | Path, folder: str | Path, *, seed: int = 0, **options: Any
) -> Judgement:
    """Return what the judge of a task says about a folder of files, on the validation split.

    Args:
        task: name of a task, or its folder.
        folder: the files of the candidate.
        seed: of the training.
        options: the fields of `aira_dsl.design.options.JudgeOptions`: size, sandbox and data.

    Raises:
        InputError: E1207, the folder is not a candidate.
        AiraError: the task, its data or the sandbox cannot be used.
        RunError: E1212, the judge itself failed.
    """
    return judge_candidate(task, folder, options_of(JudgeOptions, options), seed=seed)


def run_design(
    task: str | Path,
    *,
    on_progress: Callable[[Progress], None] = lambda progress: None,
    on_baseline: Callable[[int, int], None] = lambda done, total: None,
    **options: Any,
) -> DesignResult:
    """Let an agent write code for a task; the same call continues a run that was interrupted.

    Args:
        task: name of a task, or its folder.
        on_progress: called with the state of the run, several times a second.
        on_baseline: called with the number of judgements of the starting files, and that of all.
        options: the fields of `aira_dsl.design.options.DesignOptions`, such as `budget=20`; the
            options of `aira-dsl design run`, listed in docs/options.md.

    Raises:
        TypeError: an option does not exist.
        UsageError: E0808, for a value that an option does not accept; E1101, E1201, E1204, if the
            sandbox, the task or its size is not available.
        RunError: E1211, if the files that candidates start with have no score.
        AiraError: for unusable tasks, data, folders and databases; see docs/codes.md.
    """
    plan = DesignPlan.of(task, options_of(DesignOptions, options))
    plan.on_baseline = on_baseline
    with Session(plan, on_progress=on_progress, on_end=write_design_run) as session:
        ended = session.run().ended
        winners = session.limits.winners
        return plan.result(session.journal, session.folder.path, winners=winners, ended=ended)


@_with_search_options
def preview(space: Space | None = None, **options: Any) -> Preview:
    """Return the first prompt of an agent and what it may cost, without a call.

    Args:
        space, options: as for `search`; the method is `agent`.

    Raises:
        AiraError: as `search` does before its first call.
    """
    plan = SearchPlan.of(space, options_of(SearchOptions, {**options, "method": "agent"}))
    assert plan.agent is not None
    return preview_of(plan.agent.agent(plan.settings, plan.budget, plan.table))
