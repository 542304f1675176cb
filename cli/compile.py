"""aira-dsl compile: from an architecture file to a summary, JSON, or a PyTorch module folder."""

import json
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture


class Emit(StrEnum):
    """What `compile` makes."""

    MODULE = "module"
    SUMMARY = "summary"
    JSON = "json"


def compile_(
    file: Annotated[Path, typer.Argument(help="An architecture file.")],
    *,
    emit: Annotated[
        Emit, typer.Option(help="A module folder, only a summary, or JSON.")
    ] = Emit.MODULE,
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; a module goes to <stem of FILE>.module by default."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the initial weights.", min=0, max=2**63 - 1)
    ] = 0,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Compile an architecture to a PyTorch module, or say what it costs."""
    from aira_dsl.language import load

    architecture = load(file)
    if emit is Emit.MODULE:
        _emit_module(architecture, out or Path(f"{file.stem}.module"), seed, force)
    elif emit is Emit.JSON:
        _emit_json(architecture, out, force)
    else:
        _print_summary(architecture, out)


def _emit_module(architecture: "Architecture", folder: Path, seed: int, force: bool) -> None:
    from aira_dsl.compiler.emit import compile_to_folder

    done = compile_to_folder(architecture, folder, seed=seed, force=force)
    _print_summary(architecture, None)
    print(f"\n{folder} is {'as it was' if done == 'unchanged' else 'written'}. Load it with:")
    print("  import aira_dsl")
    print(f"  model = aira_dsl.load_model({str(folder)!r})")


def _emit_json(architecture: "Architecture", out: Path | None, force: bool) -> None:
    from aira_dsl.report.summary import as_json
    from aira_dsl.report.writing import write_text

    text = json.dumps(as_json(architecture), indent=2)
    if out is None:
        print(text)
    else:
        write_text(out, text + "\n", force=force)


def _print_summary(architecture: "Architecture", out: Path | None) -> None:
    from rich.console import Console

    from aira_dsl.errors import UsageError
    from aira_dsl.report.summary import summary

    if out is not None:
        raise UsageError("E0507", "--emit summary prints only, it takes no --out")
    Console(highlight=False).print(summary(architecture))
