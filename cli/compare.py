"""`aira-dsl compare`: compares search methods on equal budgets, several seeds each."""

from pathlib import Path
from typing import Annotated

import typer

from aira_dsl.experiments.comparison.options import (
    ComparedAgentOptions,
    ComparedOptions,
    ExecutionOptions,
)

from .options import Format, with_options
from .process import console, interruptible


@with_options
def compare(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="Space or architecture file; with --runs, run folders."),
    ] = None,
    *,
    methods: Annotated[
        str,
        typer.Option(
            help="Samplers, agents as agent-POLICY or agent-POLICY:PROPOSER/MODEL, with commas.",
            metavar="NAMES",
        ),
    ] = "random,tpe,gp,nsga2,evolution",
    runs: Annotated[
        bool, typer.Option("--runs", help="Compare finished searches; paths are run folders.")
    ] = False,
    compared: ComparedOptions,
    agents: ComparedAgentOptions,
    execution: ExecutionOptions,
    format_: Format = "text",
) -> None:
    """Compare search methods on equal budgets, with several seeds each."""
    from aira_dsl.experiments.comparison.compare import compare as run
    from aira_dsl.experiments.comparison.compare import compare_runs
    from aira_dsl.experiments.comparison.methods import parse_methods
    from aira_dsl.experiments.comparison.plan import ComparisonPlan
    from aira_dsl.report.terminal.comparison import comparison_text, write_comparison
    from aira_dsl.report.terminal.live import StepView

    def plan() -> ComparisonPlan:
        return ComparisonPlan(parse_methods(methods), _space(paths), compared, agents, execution)

    with interruptible("comparison"), StepView(console(stderr=True)) as view:
        found = (
            compare_runs(paths or [], execution, repeats=compared.repeats, on_progress=view.update)
            if runs
            else run(plan(), on_progress=view.update)
        )
    write_comparison(execution.out, found)
    if format_ == "json":
        print(found.model_dump_json(indent=1))
    else:
        print(f"{comparison_text(found)}\ntables, curves and runs in {execution.out}")


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
