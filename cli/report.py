"""`aira-dsl report`: a run or a comparison as one HTML page."""

import json
from pathlib import Path
from typing import Annotated, Literal

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="Run folder, or folder of a comparison.")],
    *,
    out: Annotated[
        Path | None,
        typer.Option(help="Output file (default: report.html in the folder)."),
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is at --out.")] = False,
    format: Annotated[
        Literal["text", "json"], typer.Option(help="Output for people, or for scripts.")
    ] = "text",
) -> None:
    """Write one page that shows all of a run or a comparison; the numbers beside it as JSON."""
    from aira_dsl.report.html import report_of, write_report

    found = report_of(folder)
    # In the folder itself the page is ours, and an older one only says less.
    done = write_report(found, out or folder / "report.html", force=force or out is None)
    if format == "json":
        print(json.dumps(found.facts, ensure_ascii=False))
    else:
        for path, what in done.items():
            print(f"{path}: {what}")
