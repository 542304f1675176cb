"""`aira-dsl compare`: methods on equal budgets, several seeds each, judged."""

import signal
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .choices import Evaluator, Format, Preset, Proposer

if TYPE_CHECKING:
    from aira_dsl.experiments.comparison.settings import ComparisonSettings


def compare(
    paths: Annotated[
        list[Path] | None,
        typer.Argument(help="A space or architecture file; with --runs, run folders."),
    ] = None,
    *,
    out: Annotated[Path, typer.Option(help="Folder of the comparison.")],
    methods: Annotated[
        str,
        typer.Option(
            help="Samplers, and agents as agent-POLICY; separated by commas.", metavar="NAMES"
        ),
    ] = "random,tpe,gp,nsga2,evolution",
    seeds: Annotated[int, typer.Option(help="Runs of each method.", min=1, max=1000)] = 5,
    budget: Annotated[
        int, typer.Option(help="Evaluations of each run.", min=1, max=1_000_000)
    ] = 40,
    runs: Annotated[
        bool, typer.Option("--runs", help="Judge searches that were run before.")
    ] = False,
    proposer: Annotated[Proposer, typer.Option(help="Of the agents.")] = Proposer.anthropic,
    model: Annotated[
        str | None, typer.Option(help="The proposer's model; default its own.", metavar="NAME")
    ] = None,
    max_usd: Annotated[
        float | None, typer.Option(help="What all agents together may spend.", min=0.01)
    ] = None,
    preset: Annotated[Preset, typer.Option(help="Cost of one evaluation.")] = Preset.cpu,
    evaluator: Annotated[
        Evaluator, typer.Option(help="Train, or look up in a complete table.")
    ] = Evaluator.proxy,
    table: Annotated[
        Path | None, typer.Option(help="The table's file; the one that ships if left out.")
    ] = None,
    where: Annotated[
        list[str] | None,
        typer.Option(help="A rule such as A<=4; repeatable.", metavar="CONSTRAINT"),
    ] = None,
    jobs: Annotated[
        int | None, typer.Option(help="Runs at a time; default one a core.", min=1, max=1024)
    ] = None,
    repeats: Annotated[
        int,
        typer.Option(help="Other seeds for winners; final scores get one more.", min=0, max=100),
    ] = 2,
    store: Annotated[
        Path | None, typer.Option(help="File of known evaluations; default your own cache.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is in --out.")] = False,
    format_: Annotated[Format, typer.Option("--format", help="Output.")] = Format.text,
) -> None:
    """Run methods on equal budgets, several seeds each; judge them."""
    from rich.console import Console

    from aira_dsl.experiments.comparison import compare
    from aira_dsl.experiments.comparison.settings import (
        ComparisonSettings,
        has_agents,
        parse_methods,
    )
    from aira_dsl.report.terminal.comparison import comparison_text, write_comparison
    from aira_dsl.report.terminal.live import StepView
    from aira_dsl.utils.machine import available_cores

    def settings() -> "ComparisonSettings":
        names = parse_methods(methods)
        return ComparisonSettings(
            methods=names,
            seeds=seeds,
            budget=budget,
            preset=preset.value,
            evaluator=evaluator.value,
            table=_table_identity(table) if evaluator == Evaluator.table else None,
            space=_definition(paths),
            where=tuple(where or ()),
            repeats=repeats,
            proposer=proposer.value if has_agents(names) else None,
            model=model if has_agents(names) else None,
            max_usd=max_usd,
        )

    signal.signal(signal.SIGTERM, signal.default_int_handler)  # a polite kill is an interruption
    try:
        with StepView(Console(stderr=True)) as view:
            execution = compare.ExecutionOptions(
                out=out,
                jobs=jobs or available_cores(),
                store=store,
                table=table,
                force=force,
                on_progress=view.update,
            )
            found = (
                compare.compare_runs(paths or [], execution, repeats=repeats)
                if runs
                else compare.compare(settings(), execution, space=paths[0] if paths else None)
            )
    except KeyboardInterrupt:
        print("interrupted; the same command continues the comparison", file=sys.stderr)
        raise typer.Exit(130) from None
    write_comparison(out, found)
    if format_ == Format.json:
        print(found.model_dump_json(indent=1))
    else:
        print(f"{comparison_text(found)}\ntables, curves and runs in {out}")


def _table_identity(table: Path | None) -> str:
    from aira_dsl.evaluation.table import load_table, read_table

    return (load_table() if table is None else read_table(table)).identity


def _definition(paths: list[Path] | None) -> dict[str, object] | None:
    """Return the space that is to be searched, as JSON holds it."""
    from aira_dsl.errors import UsageError
    from aira_dsl.space import Space

    if not paths:
        return None
    if len(paths) > 1:
        raise UsageError(
            "E0825",
            f"{len(paths)} spaces are given, methods are compared in one",
            help="give one space file; add --runs to judge run folders",
        )
    return Space.load(paths[0]).definition.model_dump(mode="json")
