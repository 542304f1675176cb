"""`aira-dsl bench`: how fast this machine trains."""

import json
import sys
from typing import Annotated

import typer

from .options import Format
from .process import console, print_rich


def bench(
    *,
    every: Annotated[
        bool, typer.Option("--all", help="Include the paper's nine searched base patterns.")
    ] = False,
    seconds: Annotated[float, typer.Option(help="Seconds of training a setup.", min=0.01)] = 3.0,
    rounds: Annotated[int, typer.Option(help="Number of repeats; the median counts.", min=1)] = 1,
    format_: Format = "text",
) -> None:
    """Time training on this machine, beside transformers' NemotronH of the same layers."""

    from aira_dsl.experiments.speed.arrangements import arrangements
    from aira_dsl.experiments.speed.measure import bench as run
    from aira_dsl.report.terminal.speed import speed_json, speed_table

    progress = console(stderr=True)
    report = run(
        arrangements(every=every),
        seconds=seconds,
        rounds=rounds,
        on_progress=lambda text: progress.print(text, style="dim", highlight=False),
    )
    if format_ == "json":
        json.dump(speed_json(report), sys.stdout, indent=2)
        print()
    else:
        print_rich(speed_table(report))
