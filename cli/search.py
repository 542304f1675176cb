"""`aira-dsl search`: searches a space of arrangements."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.study.options import SearchOptions

from .options import Format, SpaceFile, with_options
from .signals import interruptible

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
    from aira_dsl.space import Space

    searched = Space.load(space) if space else None
    if dry_run:
        _print_preview(searched, options)
        return
    from rich.console import Console

    from aira_dsl.api import search as run_search
    from aira_dsl.models.accelerate import missing_kernels
    from aira_dsl.report.terminal.live import LiveView
    from aira_dsl.report.terminal.outcome import outcome_json, outcome_text

    if options.evaluator == "proxy" and (reason := missing_kernels()):
        print(f"note: {reason}; evaluations take several times as long", file=sys.stderr)
    with interruptible("search"), LiveView(Console(stderr=True)) as view:
        result = run_search(searched, **options.model_dump(), on_progress=view.update)
    sys.stdout.write(outcome_json(result) if format_ == "json" else outcome_text(result))
    if result.best is None:
        raise typer.Exit(3)


def _print_preview(space: "Space | None", options: SearchOptions) -> None:
    """Print the first request of an agent."""
    from aira_dsl.api import preview
    from aira_dsl.errors import UsageError
    from aira_dsl.report.terminal.preview import preview_text

    if options.method != "agent":
        raise UsageError("E0809", "--dry-run is for --method agent", help="add --method agent")
    found = preview(space, **options.model_dump())
    sys.stdout.write(preview_text(found, options.budget))
