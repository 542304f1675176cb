"""`aira-dsl latency`: how fast a design prefills and decodes, and what fits in memory."""

import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.evaluation.latency.options import (
    MeasuredOptions,
    MeasurementOptions,
    WorkloadOptions,
)

from .options import Format, with_options
from .process import print_rich
from .source import Source, load

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture
    from aira_dsl.evaluation.latency.result import Latency


@with_options
def latency(
    file: Source,
    *,
    gpu: Annotated[
        list[str] | None,
        typer.Option(
            help="Estimate for a GPU such as h100, a100, l40s, rtx-4090; repeatable; "
            "`all` for all (default: measure this machine)."
        ),
    ] = None,
    workload: WorkloadOptions,
    measurement: MeasurementOptions,
    scale: Annotated[str | None, typer.Option(help="Scale of the file.")] = None,
    format_: Format = "text",
) -> None:
    """Measure or estimate how fast a design prefills and decodes, and what fits in memory."""
    from aira_dsl.report.terminal.latency import gpus_text, latency_json, latency_text

    _require_agreement(gpu, measurement)
    architecture = load(file, costs_only=True)
    if scale is not None:
        architecture = architecture.at(scale)
    found = (
        _estimates(architecture, gpu, workload)
        if gpu
        else [_measurement(architecture, workload, measurement)]
    )
    if format_ == "json":
        print(json.dumps(latency_json(architecture, found), indent=1, ensure_ascii=False))
    elif len(found) == 1:
        print_rich(latency_text(architecture, found[0]))
    else:
        print_rich(gpus_text(architecture, found))


def latency_of(
    gpu: str | None, workload: WorkloadOptions, measurement: MeasurementOptions
) -> "Callable[[Architecture], Latency]":
    """Return what estimates the latency of a design on a GPU, or measures it here."""
    _require_agreement(gpu, measurement)
    if gpu is None:
        return lambda architecture: _measurement(architecture, workload, measurement)
    return lambda architecture: _estimates(architecture, [gpu], workload)[0]


def _require_agreement(gpu: object, measurement: MeasurementOptions) -> None:
    if gpu and measurement != MeasurementOptions():
        message = "--device, --threads and --rounds are for measurements, not for --gpu"
        raise typer.BadParameter(message, param_hint="'--gpu'")


def _estimates(
    architecture: "Architecture", names: Sequence[str], workload: WorkloadOptions
) -> list["Latency"]:
    """Estimate for GPUs; a design that does not fit is refused only if there is one GPU."""
    from aira_dsl.evaluation.latency.estimate import on_gpu, require_fit
    from aira_dsl.evaluation.latency.gpus import find_gpu, gpus

    every = [each for each in gpus().values() if each.fp8 or workload.precision != "fp8"]
    chosen = every if "all" in names else [find_gpu(name) for name in names]
    found = [on_gpu(architecture, each, workload) for each in chosen]
    if len(found) == 1:
        require_fit(architecture, found[0])
    return found


def _measurement(
    architecture: "Architecture", workload: WorkloadOptions, measurement: MeasurementOptions
) -> "Latency":
    from aira_dsl.evaluation.latency.here import measure_here

    options = MeasuredOptions(**workload.model_dump(), **measurement.model_dump())
    return measure_here(architecture, options)
