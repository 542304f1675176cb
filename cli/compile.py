"""`aira-dsl compile`: from an architecture file to a PyTorch module, or what other tools read."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture

Emit = Literal[
    "module", "summary", "json", "yaml", "arch", "python", "hf", "nemotron_h", "megatron", "olmo"
]

SUFFIXES = {"module": ".module", "hf": ".hf", "nemotron_h": ".nemotron_h"}
"""What the folder of FILE is called without --out."""


def compile_(
    file: Annotated[Path, typer.Argument(help="An architecture file.")],
    *,
    scale: Annotated[str | None, typer.Option(help="Compile it at this scale of the file.")] = None,
    emit: Annotated[
        Emit, typer.Option(help="What to make: a folder (module, hf, nemotron_h) or a text.")
    ] = "module",
    out: Annotated[
        Path | None,
        typer.Option(help="Where to write; folders go beside, texts to the screen by default."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the initial weights.", min=0, max=2**63 - 1)
    ] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="Export the weights of this module folder instead.")
    ] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Compile an architecture to a PyTorch module, or export it."""
    from aira_dsl.language import load

    architecture = load(file)
    if scale is not None:
        architecture = architecture.at(scale)
    if emit == "summary":
        _print_summary(architecture, out)
    elif emit in SUFFIXES:
        folder = out or Path(f"{file.stem}{'' if scale is None else f'_{scale}'}{SUFFIXES[emit]}")
        _write_folder(architecture, emit, folder, seed, weights, force)
    else:
        from aira_dsl.interop.texts import as_text
        from aira_dsl.utils.files import write_text

        text = as_text(architecture, emit)
        if out is None:
            print(text, end="")
        else:
            write_text(out, text, force=force)


def _write_folder(
    architecture: "Architecture",
    emit: Emit,
    folder: Path,
    seed: int,
    weights: Path | None,
    force: bool,
) -> None:
    from aira_dsl.interop.families.nemotron_h import problems
    from aira_dsl.interop.folders import LOADING, write

    done = write(architecture, emit, folder, seed=seed, weights=weights, force=force)
    if emit == "module":
        _print_summary(architecture, None)
        print()
    print(f"{folder} is {'as it was' if done == 'unchanged' else 'written'}. Load it with:")
    for line in LOADING[emit]:
        print(f"  {line.format(folder=str(folder))}")
    if emit == "hf" and not problems(architecture):
        print("It needs no code of its own with --emit nemotron_h.")


def _print_summary(architecture: "Architecture", out: Path | None) -> None:
    from rich.console import Console

    from aira_dsl.errors import UsageError
    from aira_dsl.report.summary import summary

    if out is not None:
        raise UsageError("E0507", "--emit summary prints only, it takes no --out")
    Console(highlight=False).print(summary(architecture))
