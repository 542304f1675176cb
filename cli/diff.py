"""`aira-dsl diff`: what differs in meaning between two architectures."""

import json
from typing import Annotated, Literal

import typer

from .process import print_rich
from .source import Source, load


def diff(
    a: Source,
    b: Source,
    *,
    scale: Annotated[str | None, typer.Option(help="Compare both at this scale.")] = None,
    exit_code: Annotated[
        bool, typer.Option("--exit-code", help="Exit 1 if they differ, as git does.")
    ] = False,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="For people, or scripts.")
    ] = "text",
) -> None:
    """Compare two architectures by what they mean: settings, layers, costs."""
    from aira_dsl.language.paths import STDIN
    from aira_dsl.report.terminal.diff import difference, drawing

    if a == b == STDIN:
        raise typer.BadParameter("the standard input can be read once: give a file for one of them")
    models = [load(path) for path in (a, b)]
    if scale is not None:
        models = [model.at(scale) for model in models]
    found = difference(*models)
    if format == "json":
        print(json.dumps(found.as_json(), indent=2))
    else:
        print_rich(drawing(found))
    if exit_code and not found.same:
        raise typer.Exit(1)
