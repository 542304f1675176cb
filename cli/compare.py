"""`aira-dsl compare`: compares methods on equal budgets, several seeds each."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedDesignOptions,
    ComparedOptions,
    ExecutionOptions,
)

from .options import Format, with_options
from .process import console, interruptible

if TYPE_CHECKING:
    from aira_dsl.experiments.comparison import Comparison, DesignComparison


SAMPLERS = "random,tpe,gp,nsga2,evolution"


@with_options
def compare(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Space or architecture file; with --runs, run folders."),
    ] = None,
    *,
    methods: Annotated[
        str | None,
        typer.Option(
            help="Samplers, agents as agent-POLICY or agent-POLICY:PROPOSER/MODEL, with commas "
            "(default: all samplers; with --task all policies).",
            metavar="NAMES",
        ),
    ] = None,
    runs: Annotated[
        bool, typer.Option("--runs", help="Compare finished runs; paths are run folders.")
    ] = False,
    compared: ComparedOptions,
    agents: ComparedAgentOptions,
    designed: ComparedDesignOptions,
    execution: ExecutionOptions,
    format_: Format = "text",
) -> None:
    """Compare methods on equal budgets, with several seeds each: searches, or agents on tasks."""
    from aira_dsl.experiments.comparison import DesignComparison
    from aira_dsl.experiments.comparison.compare import compare as run
    from aira_dsl.experiments.comparison.compare import compare_runs
    from aira_dsl.experiments.comparison.design_plan import DEFAULT_METHODS, DesignComparisonPlan
    from aira_dsl.experiments.comparison.methods import parse_methods
    from aira_dsl.experiments.comparison.plan import ComparisonPlan
    from aira_dsl.report.terminal.comparison import comparison_text, write_comparison
    from aira_dsl.report.terminal.design_comparison import (
        design_comparison_text,
        write_design_comparison,
    )
    from aira_dsl.report.terminal.live import StepView

    def compared_now(view: StepView) -> "Comparison | DesignComparison":
        if runs:
            return compare_runs(
                paths or [], execution, repeats=compared.repeats, on_progress=view.update
            )
        if designed.task:
            chosen = parse_methods(methods or DEFAULT_METHODS)
            tasks = DesignComparisonPlan(chosen, designed, compared, agents, execution)
            return run(tasks, on_progress=view.update)
        chosen = parse_methods(methods or SAMPLERS)
        plan = ComparisonPlan(chosen, _space(paths), compared, agents, execution)
        return run(plan, on_progress=view.update)

    with interruptible("comparison"), StepView(console(stderr=True)) as view:
        found = compared_now(view)
    if isinstance(found, DesignComparison):
        write_design_comparison(execution.out, found)
        text = design_comparison_text(found)
    else:
        write_comparison(execution.out, found)
        text = comparison_text(found)
    if format_ == "json":
        print(found.model_dump_json(indent=1))
    else:
        print(f"{text}\ntables, curves and runs in {execution.out}")


def _space(paths: list[Path] | None) -> Path | None:
    """Return the file of the searched space; None without one."""
    from aira_dsl.errors import UsageError

    if paths and len(paths) > 1:
        raise UsageError(
            "E0825",
            f"{len(paths)} spaces are given, methods are compared in one",
            help="give one space file; add --runs to compare run folders",
        )
    return paths[0] if paths else None
