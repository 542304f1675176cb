"""`aira-dsl fmt`: write files in the canonical layout."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from aira_dsl.errors import RunError

if TYPE_CHECKING:
    from aira_dsl.language.paths import Formatted


def fmt(
    files: Annotated[
        list[Path], typer.Argument(metavar="FILE...", help="`-` formats the input to the output.")
    ],
    check: Annotated[
        bool, typer.Option("--check", help="Write nothing; exit 1 on changes.")
    ] = False,
    diff: Annotated[bool, typer.Option("--diff", help="Show changes instead of writing.")] = False,
) -> None:
    """Format architecture and space files in place; files with errors are left alone."""
    from aira_dsl.language.paths import format_path

    failed = unwritten = False
    for path in files:
        result = format_path(path)
        if result.diagnostics:
            _report(result)
            failed = True
        elif check or diff:
            _show(result, diff)
            failed |= result.changed
        else:
            unwritten |= not _write(path, result)
    if failed or unwritten:
        raise typer.Exit(RunError.exit_code if unwritten else 1)


def _show(result: "Formatted", diff: bool) -> None:
    if diff:
        typer.echo(result.diff, nl=False)
    elif result.changed:
        typer.echo(f"{result.filename}: would be reformatted")


def _write(path: Path, result: "Formatted") -> bool:
    """Write one result to its file or the output; return whether that worked."""
    from aira_dsl.language.paths import STDIN, rewrite

    if path == STDIN:
        typer.echo((result.after or "").encode(), nl=False)
        return True
    try:
        rewrite(path, result)
    except RunError as error:
        typer.echo(str(error), err=True)
        return False
    if result.changed:
        typer.echo(f"{result.filename}: reformatted")
    return True


def _report(result: "Formatted") -> None:
    from aira_dsl.language import render_all
    from aira_dsl.language.paths import terminal_style

    color, width = terminal_style(sys.stderr)
    text = render_all(result.diagnostics, result.before, color=color, width=width)
    typer.echo(f"{text}\n", err=True)
