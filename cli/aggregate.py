"""`aira-dsl aggregate`: the trials of searches, voted into one architecture."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import Format

CLUSTERS, DECAY = 3, 0.8


def aggregate(
    runs: Annotated[list[Path], typer.Argument(help="Run folders of one space and evaluator.")],
    *,
    method: Annotated[
        Literal["nc", "kmeans", "votes"],
        typer.Option(help="Voters: all; the top cluster (--clusters 3); by rank (--decay 0.8)."),
    ] = "nc",
    c: Annotated[int, typer.Option("-c", help="Previous positions that must match.", min=0)] = 1,
    top: Annotated[int | None, typer.Option(help="Number of best trials that vote.", min=1)] = None,
    decay: Annotated[
        float | None, typer.Option(help="Weight of a vote: decay^rank within each run; up to 1.")
    ] = None,
    clusters: Annotated[
        int | None, typer.Option(help="Number of clusters, of which the top one votes.", min=1)
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the architecture.")] = "aggregated",
    out: Annotated[Path | None, typer.Option(help="Output file (default: the screen).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
    format_: Format = "text",
) -> None:
    """Aggregate the trials of searches into one architecture, position by position."""
    if decay is not None and not 0 < decay <= 1:
        raise typer.BadParameter("above 0 and at most 1", param_hint="--decay")
    if method == "kmeans" and clusters is None:
        clusters = CLUSTERS
    if method == "votes" and decay is None:
        decay = DECAY
    if top is not None and clusters is not None:
        raise typer.BadParameter("the pool is the best N or a cluster", param_hint="--top")
    from aira_dsl.report.terminal.aggregation import aggregate_file, aggregate_json, aggregate_text
    from aira_dsl.scaling.pooling import Choice, aggregate_runs
    from aira_dsl.study.run import read_run
    from aira_dsl.utils.files import write_text

    choice = Choice(c=c, top=top, clusters=clusters, decay=decay)
    found = aggregate_runs([read_run(run) for run in runs], choice, name=name)
    done = None if out is None else write_text(out, aggregate_file(found), force=force)
    if format_ == "json":
        print(json.dumps(aggregate_json(found), indent=1, ensure_ascii=False))
    elif out is None:
        print(aggregate_file(found), end="")
    else:
        print(f"{aggregate_text(found)}\n{out}: {done}")
