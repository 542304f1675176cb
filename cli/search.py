"""`aira-dsl search`: searches a space of arrangements."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.study.options import SearchOptions

from .options import Format, SpaceFile, with_options
from .process import console, interruptible

if TYPE_CHECKING:
    from aira_dsl.space import Space


@with_options
def search(
    space: SpaceFile = None,
    *,
    options: SearchOptions,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Print the first prompt of an agent; make no call.")
    ] = False,
    format_: Format = "text",
) -> None:
    """Search a space of layer arrangements; the same command continues an interrupted search."""
    if dry_run:
        _print_preview(_load(space), options)
    elif code := run(space, options, as_json=format_ == "json"):
        raise typer.Exit(code)


def run(space: Path | None, options: SearchOptions, *, as_json: bool = False) -> int:
    """Search and print the result; return the exit code, 3 if no trial has a score."""
    from aira_dsl.api import search as run_search
    from aira_dsl.report.terminal.live import LiveView
    from aira_dsl.report.terminal.outcome import outcome_json, outcome_text

    searched = _load(space)
    if options.evaluator == "proxy":
        _note_missing_kernels()
    with interruptible("search"), LiveView(console(stderr=True)) as view:
        result = run_search(searched, **options.model_dump(), on_progress=view.update)
    sys.stdout.write(outcome_json(result) if as_json else outcome_text(result))
    return 3 if result.best is None else 0


def _load(space: Path | None) -> "Space | None":
    from aira_dsl.space import Space

    return Space.load(space) if space else None


def _note_missing_kernels() -> None:
    from aira_dsl.models.accelerate import missing_kernels

    if reason := missing_kernels():
        print(f"note: {reason}; evaluations take several times as long", file=sys.stderr)


def _print_preview(space: "Space | None", options: SearchOptions) -> None:
    """Print the first request of an agent."""
    from aira_dsl.api import preview
    from aira_dsl.errors import UsageError
    from aira_dsl.report.terminal.preview import preview_text

    if options.method != "agent":
        raise UsageError("E0809", "--dry-run is for --method agent", help="add --method agent")
    found = preview(space, **options.model_dump())
    sys.stdout.write(preview_text(found, options.budget))
