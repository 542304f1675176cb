"""`aira-dsl isoflop`: scaling laws from training runs."""

import json
import sys
from contextlib import closing
from pathlib import Path
from typing import Annotated, Literal

import typer

from aira_dsl.evaluation.latency.options import MeasurementOptions, WorkloadOptions
from aira_dsl.jobs.choice import ClusterOptions, PoolChoice

from .latency import latency_of
from .options import Force, Format, with_options
from .process import console, interruptible, print_rich

Where = Annotated[
    list[str] | None, typer.Option(help="Condition on runs: dataset=c4, tokens>=1e9; repeatable.")
]

app = typer.Typer(help="Scaling laws: how loss falls with parameters, tokens and FLOPs.")


@app.command()
def plan(
    file: Annotated[Path, typer.Argument(help="Grid file (YAML); docs/isoflop.md.")],
    *,
    out: Annotated[
        Path | None, typer.Option(help="Folder of the grid (default: its name).")
    ] = None,
    gpu: Annotated[
        list[str] | None,
        typer.Option(help="GPU whose hours are estimated, such as h100; repeatable."),
    ] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace the plan that is there; results stay.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Plan a grid of training runs: write plan.json, print what it costs. Nothing is trained."""
    from aira_dsl.evaluation.latency.gpus import find_gpu
    from aira_dsl.report.terminal.isoflop_plan import plan_json, plan_text
    from aira_dsl.report.terminal.reading import ReadingView
    from aira_dsl.scaling.grid.checks import check_plan
    from aira_dsl.scaling.grid.corpus import open_corpus
    from aira_dsl.scaling.grid.folder import write_plan
    from aira_dsl.scaling.grid.grid import read_grid
    from aira_dsl.scaling.grid.needs import threads_of
    from aira_dsl.scaling.grid.plan import make_plan
    from aira_dsl.scaling.grid.results import read_results
    from aira_dsl.scaling.grid.speed import speed_of

    gpus = [find_gpu(name) for name in gpu or ()]
    grid = read_grid(file)
    with interruptible("plan"), ReadingView(console(stderr=True)) as view:
        corpus = open_corpus(grid, file.parent, progress=view.update)
    planned = make_plan(grid, corpus, file.parent)
    accepted = check_plan(planned)
    folder = out or Path(grid.name)
    speed = speed_of(planned, read_results(planned, folder), threads_of(planned))
    done = write_plan(planned, folder, force=force)
    if format_ == "json":
        facts = plan_json(planned, accepted, speed, gpus)
        print(json.dumps(facts, indent=1, ensure_ascii=False))
    else:
        print(plan_text(planned, accepted, speed, gpus), end="")
        print(f"\n{folder / 'plan.json'}: {done}")


@app.command()
@with_options
def run(
    folder: Annotated[Path, typer.Argument(help="Folder of a planned grid.")],
    *,
    workers: Annotated[
        int | None,
        typer.Option(
            help="Number of runs at a time (default: as many as there is room for).",
            min=1,
            max=1024,
        ),
    ] = None,
    cluster: ClusterOptions,
    format_: Format = "text",
) -> None:
    """Train the runs of a planned grid; the same command continues an interrupted one."""
    from aira_dsl.report.terminal.isoflop_run import RunLines, grid_json, grid_text
    from aira_dsl.scaling.grid.folder import PLAN
    from aira_dsl.scaling.grid.needs import needs_of, with_device
    from aira_dsl.scaling.grid.plan import read_plan
    from aira_dsl.scaling.grid.results import read_results
    from aira_dsl.scaling.grid.run import run_grid

    choice = PoolChoice(workers, cluster.ray)
    planned = with_device(read_plan(folder / PLAN), choice)
    needs = needs_of(planned)
    lines = RunLines(planned, choice.places(needs), sys.stderr)
    with interruptible("grid"), closing(choice.open(needs)) as pool:
        lines.begin(read_results(planned, folder))
        results = run_grid(planned, folder, pool, on_finished=lines.finished)
    if format_ == "json":
        print(json.dumps(grid_json(planned, results), indent=1, ensure_ascii=False))
    else:
        print(grid_text(planned, results, folder), end="")


@app.command()
@with_options
def latency(
    folder: Annotated[Path, typer.Argument(help="Folder of a planned grid.")],
    *,
    gpu: Annotated[
        str | None,
        typer.Option(help="Estimate for a GPU such as h100 (default: measure this machine)."),
    ] = None,
    workload: WorkloadOptions,
    measurement: MeasurementOptions,
    force: Annotated[
        bool, typer.Option("--force", help="Replace latencies that were found in another way.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Find the seconds of a decoded token of each model, for comparisons at equal latency."""
    from aira_dsl.report.terminal.isoflop_latency import LatencyLines, latency_table
    from aira_dsl.scaling.grid.folder import LATENCY, PLAN, RUNS_TABLE
    from aira_dsl.scaling.grid.latency import find_latencies, read_latency
    from aira_dsl.scaling.grid.plan import read_plan
    from aira_dsl.scaling.grid.results import read_results, write_runs

    planned = read_plan(folder / PLAN)
    lines = LatencyLines(sys.stderr)
    estimate = latency_of(gpu, workload, measurement)
    before = None if force else read_latency(folder)
    with interruptible("latencies"):
        found = find_latencies(planned, folder, estimate, force=force, on_found=lines.found)
    if (folder / RUNS_TABLE).exists():
        write_runs(planned, folder, read_results(planned, folder))
    if format_ == "json":
        print(found.model_dump_json(indent=1))
    else:
        print_rich(latency_table(planned, found))
        print(f"\n{folder / LATENCY}: {'unchanged' if found == before else 'written'}")


@app.command()
def report(
    path: Annotated[Path, typer.Argument(help="Folder of a grid, or CSV of training runs.")],
    *,
    where: Where = None,
    reference: Annotated[
        str | None,
        typer.Option(help="Design that others are compared with (default: the grid's first)."),
    ] = None,
    resamples: Annotated[
        int, typer.Option(help="Number of resamples for the intervals.", min=100, max=100_000)
    ] = 1_000,
    out: Annotated[
        Path | None, typer.Option(help="Output file (default: report.html in the folder).")
    ] = None,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """Write one page of all fits and comparisons; the numbers beside it as JSON."""
    from aira_dsl.report.html.files import write_report
    from aira_dsl.report.html.isoflop_page import isoflop_page
    from aira_dsl.report.isoflop_report import read_report

    read = read_report(path, where=where or (), reference=reference, resamples=resamples)
    found = isoflop_page(read)
    beside = (path if path.is_dir() else path.parent) / "report.html"
    done = write_report(found, out or beside, force=force or (out is None and path.is_dir()))
    if format_ == "json":
        print(json.dumps(found.facts, ensure_ascii=False))
    else:
        for file, what in done.items():
            print(f"{file}: {what}")


@app.command()
def fit(
    file: Annotated[Path, typer.Argument(help="CSV of training runs; docs/isoflop.md.")],
    *,
    where: Where = None,
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
    reference: Annotated[
        str | None, typer.Option(help="Design that others are compared with (default: the first).")
    ] = None,
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
        reference=reference,
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
