"""`aira-dsl latency`: how fast a design prefills and decodes, and what fits in memory."""

import json
from typing import Annotated

import typer

from aira_dsl.evaluation.latency.options import WorkloadOptions

from .options import File, Format, with_options
from .process import print_rich


@with_options
def latency(
    file: File,
    *,
    gpu: Annotated[
        list[str],
        typer.Option(help="GPU such as h100, a100, l40s, rtx-4090; repeatable; `all` for all."),
    ],
    workload: WorkloadOptions,
    scale: Annotated[str | None, typer.Option(help="Scale of the file.")] = None,
    format_: Format = "text",
) -> None:
    """Estimate how fast a design prefills and decodes, and what fits in memory."""
    from aira_dsl.evaluation.latency.estimate import on_gpu, require_fit
    from aira_dsl.evaluation.latency.gpus import find_gpu, gpus
    from aira_dsl.language.paths import load_path
    from aira_dsl.report.terminal.latency import gpus_text, latency_json, latency_text

    architecture = load_path(file)
    if scale is not None:
        architecture = architecture.at(scale)
    every = [each for each in gpus().values() if each.fp8 or workload.precision != "fp8"]
    chosen = every if "all" in gpu else [find_gpu(name) for name in gpu]
    found = [on_gpu(architecture, each, workload) for each in chosen]
    if len(found) == 1:
        require_fit(architecture, found[0])
    if format_ == "json":
        print(json.dumps(latency_json(architecture, found), indent=1, ensure_ascii=False))
    elif len(found) == 1:
        print_rich(latency_text(architecture, found[0]))
    else:
        print_rich(gpus_text(architecture, found))
