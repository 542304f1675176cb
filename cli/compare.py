"""`aira-dsl compare`: compares search methods on equal budgets, several seeds each."""

from pathlib import Path
from typing import Annotated, Any

import typer

from aira_dsl.agents.models import ProposerName
from aira_dsl.experiments.comparison.settings import ComparedOptions, ExecutionOptions

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
        typer.Option(help="Samplers, and agents as agent-POLICY, with commas.", metavar="NAMES"),
    ] = "random,tpe,gp,nsga2,evolution",
    proposer: Annotated[
        ProposerName, typer.Option(help="Service that answers the agents.")
    ] = "anthropic",
    runs: Annotated[
        bool, typer.Option("--runs", help="Compare finished searches; paths are run folders.")
    ] = False,
    compared: ComparedOptions,
    execution: ExecutionOptions,
    format_: Format = "text",
) -> None:
    """Compare search methods on equal budgets, with several seeds each."""
    from aira_dsl.experiments.comparison.compare import compare as run
    from aira_dsl.experiments.comparison.compare import compare_runs
    from aira_dsl.experiments.comparison.settings import (
        ComparisonSettings,
        has_agents,
        parse_methods,
    )
    from aira_dsl.report.terminal.comparison import comparison_text, write_comparison
    from aira_dsl.report.terminal.live import StepView

    def settings() -> ComparisonSettings:
        names = parse_methods(methods)
        agents = has_agents(names)
        own = compared.model_dump() | ({} if agents else {"model": None})
        return ComparisonSettings(
            **own,
            methods=names,
            table=_table_identity(execution.table) if compared.evaluator == "table" else None,
            space=_definition(paths),
            proposer=proposer if agents else None,
        )

    with interruptible("comparison"), StepView(console(stderr=True)) as view:
        found = (
            compare_runs(paths or [], execution, repeats=compared.repeats, on_progress=view.update)
            if runs
            else run(
                settings(),
                execution,
                space=paths[0] if paths else None,
                on_progress=view.update,
            )
        )
    write_comparison(execution.out, found)
    if format_ == "json":
        print(found.model_dump_json(indent=1))
    else:
        print(f"{comparison_text(found)}\ntables, curves and runs in {execution.out}")


def _table_identity(table: Path | None) -> str:
    from aira_dsl.evaluation.table import load_table, read_table

    return (load_table() if table is None else read_table(table)).identity


def _definition(paths: list[Path] | None) -> dict[str, Any] | None:
    """Return the JSON form of the searched space; None without a file."""
    from aira_dsl.errors import UsageError
    from aira_dsl.space import Space

    if not paths:
        return None
    if len(paths) > 1:
        raise UsageError(
            "E0825",
            f"{len(paths)} spaces are given, methods are compared in one",
            help="give one space file; add --runs to compare run folders",
        )
    return Space.load(paths[0]).definition.model_dump(mode="json")
