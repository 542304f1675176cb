"""`aira-dsl show`: the stack of an architecture and what it costs."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from .process import print_rich


def show(
    file: Annotated[Path, typer.Argument(help="An architecture file; `-` reads the input.")],
    *,
    scale: Annotated[str | None, typer.Option(help="Scale of the file to show.")] = None,
    context: Annotated[
        int | None, typer.Option(help="Tokens of a sequence, if not the file's.", min=1)
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences decoded at once.", min=1)] = 1,
    convention: Annotated[
        Literal["paper", "megatron"], typer.Option(help="Convention for counting FLOPs.")
    ] = "paper",
    budget: Annotated[
        float | None, typer.Option(help="Training FLOPs to spend, for example 2e19.", min=1.0)
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Output file of a drawing of the stack.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="Output for people, or for scripts.")
    ] = "text",
) -> None:
    """Draw an architecture layer by layer, with parameters, FLOPs and caches."""
    from aira_dsl.architecture import Workload
    from aira_dsl.language.paths import load_path
    from aira_dsl.report.summary import show_json, summary

    architecture = load_path(file)
    if scale is not None:
        architecture = architecture.at(scale)
    workload = Workload(context, batch, convention, None if budget is None else int(budget))
    if svg is not None:
        from aira_dsl.report.svg import draw
        from aira_dsl.utils.files import write_text

        done = write_text(svg, draw(architecture, workload), force=force)
        print(f"{svg}: {done}")
    elif format == "json":
        print(json.dumps(show_json(architecture, workload), indent=2))
    else:
        print_rich(summary(architecture, workload))
