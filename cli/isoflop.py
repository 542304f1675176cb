"""`aira-dsl isoflop`: scaling laws from training runs."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer

from .options import Force, Format

app = typer.Typer(help="Scaling laws: how loss falls with parameters, tokens and FLOPs.")


@app.callback()
def _isoflop() -> None:
    """Keep `fit` a command of its own: typer would run a single one without its name."""


@app.command()
def fit(
    file: Annotated[Path, typer.Argument(help="CSV of training runs; docs/isoflop.md.")],
    *,
    where: Annotated[
        list[str] | None,
        typer.Option(help="Condition on runs: dataset=c4, tokens>=1e9; repeatable."),
    ] = None,
    ignore: Annotated[
        list[str] | None, typer.Option(help="Column to leave out; repeatable.")
    ] = None,
    at: Annotated[
        list[float] | None,
        typer.Option(help="FLOPs at which the best size is computed; repeatable."),
    ] = None,
    objective: Annotated[
        Literal["least-squares", "huber"],
        typer.Option(help="Least squares on the loss, or Huber's cost of its logarithm."),
    ] = "least-squares",
    resamples: Annotated[
        int, typer.Option(help="Number of resamples for the intervals.", min=100, max=100_000)
    ] = 1_000,
    out: Annotated[Path | None, typer.Option(help="Folder for fit.json and the pictures.")] = None,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Fit L(N, D) = E + A/N^alpha + B/D^beta to the runs of each design, with intervals."""
    if at is not None and not all(0 < each < 1e60 for each in at):
        raise typer.BadParameter("above 0 and below 1e60", param_hint="--at")
    from aira_dsl.report.terminal.isoflop import isoflop_json, isoflop_text
    from aira_dsl.scaling.isoflop.analysis import fit_isoflop

    found = fit_isoflop(
        file,
        where=where or (),
        ignore=ignore or (),
        budgets=at or (),
        objective=objective,
        resamples=resamples,
    )
    done = None
    if out is not None:
        from aira_dsl.report.isoflop_files import write_fit

        done = write_fit(found, out, force=force)
    if format_ == "json":
        print(json.dumps(isoflop_json(found), indent=1, ensure_ascii=False))
    else:
        print(isoflop_text(found), end="")
        if done is not None:
            print(f"\n{out}: {done}")
