"""`aira-dsl show`: the stack of an architecture and what it costs."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aira_dsl.utils.options import parse_context

from .options import reported
from .process import print_rich
from .source import Source, load

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture, Workload
    from aira_dsl.evaluation.latency.fit import Fit


def show(
    file: Source,
    *,
    scale: Annotated[str | None, typer.Option(help="Scale of the file to show.")] = None,
    context: Annotated[
        int | None,
        typer.Option(
            help="Tokens of a sequence, such as 8192 or 128k, if not the file's.",
            metavar="TOKENS",
            parser=reported(parse_context),
        ),
    ] = None,
    batch: Annotated[int, typer.Option(help="Sequences decoded at once.", min=1)] = 1,
    convention: Annotated[
        Literal["paper", "megatron"], typer.Option(help="Convention for counting FLOPs.")
    ] = "paper",
    budget: Annotated[
        float | None, typer.Option(help="Training FLOPs to spend, for example 2e19.", min=1.0)
    ] = None,
    gpu: Annotated[
        str | None,
        typer.Option(help="GPU such as h100: does the model fit, and what bounds its speed."),
    ] = None,
    svg: Annotated[Path | None, typer.Option(help="Output file of a drawing of the stack.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="Output for people, or for scripts.")
    ] = "text",
) -> None:
    """Draw an architecture layer by layer, with parameters, FLOPs and caches."""
    from aira_dsl.architecture import Workload
    from aira_dsl.report.summary import show_json, summary
    from aira_dsl.report.terminal.fit import fit_json, fit_text

    architecture = load(file, costs_only=True)
    if scale is not None:
        architecture = architecture.at(scale)
    workload = Workload(context, batch, convention, None if budget is None else int(budget))
    if svg is not None:
        from aira_dsl.report.svg import draw
        from aira_dsl.utils.files import write_text

        done = write_text(svg, draw(architecture, workload), force=force)
        print(f"{svg}: {done}")
        return
    on_gpu = None if gpu is None else _fit(architecture, gpu, workload)
    if format == "json":
        found = show_json(architecture, workload)
        if on_gpu is not None:
            found["gpu"] = fit_json(on_gpu)
        print(json.dumps(found, indent=2))
    else:
        print_rich(summary(architecture, workload))
        if on_gpu is not None:
            print_rich(fit_text(on_gpu))


def _fit(architecture: "Architecture", gpu: str, workload: "Workload") -> "Fit":
    from aira_dsl.evaluation.latency.fit import fit
    from aira_dsl.evaluation.latency.gpus import find_gpu

    context = workload.context or architecture.context
    return fit(architecture, find_gpu(gpu), context=context, batch=workload.batch)
