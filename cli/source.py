"""The file of a command: an architecture, or the config of a model of another tool."""

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture

Source = Annotated[
    Path,
    typer.Argument(help="An architecture file, a config.json or its folder; `-` reads the input."),
]


def load(path: Path, *, costs_only: bool = False) -> "Architecture":
    """Read it; what a config leaves open is printed as notes to the standard error.

    Args:
        path: the argument of the command.
        costs_only: accept settings of a config that do not change its costs.
    """
    from aira_dsl.interop.sources import load_model

    found = load_model(path, costs_only=costs_only)
    print_notes(found.notes)
    return found.architecture


def print_notes(notes: tuple[str, ...]) -> None:
    """Print notes about a config."""
    for note in notes:
        print(f"note: {note}", file=sys.stderr)
