"""`aira-dsl table`: make, describe and search complete tables of small spaces."""

import json
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Literal

import typer

from aira_dsl.jobs.choice import ClusterOptions

from .options import Format, with_options
from .process import console, interruptible

app = typer.Typer(help="Complete tables of small spaces: make, show, compare.")

_Out = Annotated[Path, typer.Option(help="Output file.")]
_File = Annotated[
    Path | None, typer.Argument(help="Benchmark table (default: the one in the package).")
]


class _Preset(StrEnum):
    smoke = "smoke"
    cpu = "cpu"


class _Sampler(StrEnum):
    random = "random"
    tpe = "tpe"
    gp = "gp"
    nsga2 = "nsga2"
    evolution = "evolution"


@app.command()
@with_options
def make(
    space: Annotated[Path, typer.Argument(help="Space of at most 100,000 arrangements.")],
    *,
    out: _Out,
    preset: Annotated[_Preset, typer.Option(help="Cost of one evaluation.")] = _Preset.cpu,
    precision: Annotated[
        Literal["auto", "fp32", "bf16"],
        typer.Option(help="Precision; auto: that of the table there, else the fastest."),
    ] = "auto",
    seeds: Annotated[int, typer.Option(help="Seeds of each arrangement.", min=1, max=100)] = 2,
    cluster: ClusterOptions,
    store: Annotated[
        Path | None, typer.Option(help="Evaluation store, an SQLite file (default: in your cache).")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Evaluate every arrangement of a space; a table that is there already is continued."""

    from aira_dsl.evaluation.table import Table, read_table
    from aira_dsl.experiments.make_table import make_table
    from aira_dsl.report.terminal.live import ListView
    from aira_dsl.space import Space
    from aira_dsl.utils.locking import locked_output

    def save(table: Table) -> None:
        table.write(out)
        print(f"{out}: {table.extent}")

    with (
        locked_output(out, busy="E0647", job="table"),
        interruptible("table"),
        ListView(console(stderr=True)) as view,
    ):
        make_table(
            Space.load(space),
            preset=preset.value,
            precision=precision,
            seeds=seeds,
            known=read_table(out) if out.exists() and not force else None,
            store=store,
            ray=cluster.ray,
            save=save,
            on_result=view.update,
        )


@app.command()
def show(
    file: _File = None,
    *,
    pattern: Annotated[
        list[str] | None, typer.Option(help="Arrangement whose rank is shown, too; repeatable.")
    ] = None,
    format_: Format = "text",
) -> None:
    """Say what a table holds: the best arrangements, the noise, what explains the score."""
    from aira_dsl.evaluation.table import load_table, read_table
    from aira_dsl.language import expand_pattern
    from aira_dsl.report.terminal.table import table_json, table_text

    table = load_table() if file is None else read_table(file)
    if format_ == "json":
        print(json.dumps(table_json(table), indent=1))
    else:
        names = table.space.names
        asked = [tuple(expand_pattern(p, names, filename="--pattern")) for p in pattern or []]
        print(table_text(table, asked), end="")


@app.command()
def compare(
    file: _File = None,
    *,
    sampler: Annotated[
        list[_Sampler] | None, typer.Option(help="Sampler; repeatable (default: all).")
    ] = None,
    seeds: Annotated[int, typer.Option(help="Number of searches of each sampler.", min=2)] = 200,
    budget: Annotated[int, typer.Option(help="Number of evaluations of a search.", min=1)] = 30,
    out: Annotated[Path | None, typer.Option(help="Output file of the picture, a PNG.")] = None,
    format_: Format = "text",
) -> None:
    """Search a table hundreds of times with every sampler; show how far from the best they end."""

    from aira_dsl.evaluation.table import shipped_table
    from aira_dsl.experiments.sampler_benchmark import benchmark_samplers
    from aira_dsl.report.terminal.live import ListView
    from aira_dsl.report.terminal.table import (
        sampler_benchmark_json,
        sampler_benchmark_picture,
        sampler_benchmark_text,
    )
    from aira_dsl.utils.files import write_atomically

    with ListView(console(stderr=True)) as view:
        found = benchmark_samplers(
            file or shipped_table(),
            samplers=[each.value for each in sampler or list(_Sampler)],
            seeds=seeds,
            budget=budget,
            on_progress=view.count,
        )
    if out is not None:
        write_atomically(out, sampler_benchmark_picture(found))
    if format_ == "json":
        print(json.dumps(sampler_benchmark_json(found), indent=1))
    else:
        print(sampler_benchmark_text(found), end="")
