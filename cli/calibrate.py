"""`aira-dsl calibrate`: how far a preset's scores can be trusted."""

import json
import sys
from contextlib import nullcontext
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from aira_dsl.jobs.choice import ClusterOptions

from .options import Format, with_options
from .process import interruptible


class _Preset(StrEnum):
    smoke = "smoke"
    cpu = "cpu"


@with_options
def calibrate(
    *,
    preset: Annotated[_Preset, typer.Option(help="Preset to measure.")] = _Preset.cpu,
    arrangements: Annotated[
        int, typer.Option(help="Size of the calibration set.", min=16, max=500)
    ] = 40,
    seeds: Annotated[int, typer.Option(help="Seeds of each arrangement.", min=2, max=100)] = 3,
    longer: Annotated[
        int, typer.Option(help="Number of arrangements evaluated with the preset long, too.", min=0)
    ] = 16,
    times: Annotated[
        list[int] | None,
        typer.Option(help="Multiples of the training to try on these (default: 2 and 4).", min=2),
    ] = None,
    workers: Annotated[
        int | None,
        typer.Option(help="Processes (default: one a core).", min=1, max=1024),
    ] = None,
    cluster: ClusterOptions,
    store: Annotated[
        Path | None, typer.Option(help="Evaluation store, an SQLite file (default: in your cache).")
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="Folder for data, report and picture; a calibration there is extended."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Measure again what is there.")] = False,
    format_: Format = "text",
) -> None:
    """Measure seed noise, reliability and agreement with longer training."""
    from aira_dsl.evaluation.calibration import read_calibration
    from aira_dsl.evaluation.calibration_statistics import analyse_calibration
    from aira_dsl.experiments.calibrate import Extent
    from aira_dsl.experiments.calibrate import calibrate as run
    from aira_dsl.report.terminal.calibration import (
        FOLDER,
        calibration_json,
        calibration_text,
        write_calibration,
    )
    from aira_dsl.utils.folder import ResultFolder

    opened = nullcontext() if out is None else ResultFolder(out, FOLDER)
    with opened as folder, interruptible("calibration"):
        there = folder.path / f"{preset.value}.json" if folder is not None else None
        known = read_calibration(there) if there and there.exists() and not force else None
        found = run(
            preset.value,
            extent=Extent(arrangements, seeds, longer, tuple(times or Extent().times)),
            known=known,
            workers=workers,
            ray=cluster.ray,
            store=store,
            on_progress=lambda text: print(text, file=sys.stderr, flush=True),
        )
        analysis = analyse_calibration(found)
        if folder is not None:
            write_calibration(found, analysis, folder)
    if format_ == "json":
        print(json.dumps(calibration_json(found, analysis), indent=2))
    else:
        print(calibration_text(found, analysis), end="")
