"""`aira-dsl check`: is this file right, and if not, where and why."""

import json
import sys
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .source import print_notes

if TYPE_CHECKING:
    from aira_dsl.language import Diagnostic
    from aira_dsl.language.paths import Checked


class Format(StrEnum):
    """How diagnostics are written."""

    text = "text"
    json = "json"
    github = "github"
    concise = "concise"


def check(
    files: Annotated[list[Path], typer.Argument(metavar="FILE...", help="`-` reads the input.")],
    format: Annotated[Format, typer.Option(help="How to write diagnostics.")] = Format.text,
    strict: Annotated[bool, typer.Option("--strict", help="Exit 1 on warnings, too.")] = False,
) -> None:
    """Check architectures, spaces and configs; exit 1 if anything is wrong, warnings aside."""
    from aira_dsl.interop.sources import check_model

    results = []
    for path in files:
        result, notes = check_model(path)
        print_notes(notes)
        results.append(result)
    found = [diagnostic for result in results for diagnostic in result.diagnostics]
    if format is Format.text:
        for result in results:
            typer.echo(_text(result))
    else:
        for line in _lines(found, format):
            typer.echo(line)
    if any(strict or diagnostic.severity == "error" for diagnostic in found):
        raise typer.Exit(1)


def _text(result: "Checked") -> str:
    from aira_dsl.language import render_all
    from aira_dsl.language.paths import terminal_style

    ok = f"{result.filename}: ok, {result.summary}"
    if not result.diagnostics:
        return ok
    color, width = terminal_style(sys.stdout)
    shown = render_all(result.diagnostics, result.source, color=color, width=width) + "\n"
    return f"{shown}\n{ok}" if result.summary else shown


def _lines(found: "list[Diagnostic]", format: Format) -> list[str]:
    if format is Format.json:
        return [json.dumps([diagnostic.as_json() for diagnostic in found], indent=2)]
    if format is Format.github:
        return [diagnostic.github() for diagnostic in found]
    return [diagnostic.concise() for diagnostic in found]
