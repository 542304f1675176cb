"""`aira-dsl compile`: from an architecture file to a PyTorch module or another tool's format."""

import sys
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from aira_dsl.interop.exporters import EXPORTERS, Weights
from aira_dsl.interop.tokenizer import TOKENIZER

from .process import print_rich
from .source import Source, load

if TYPE_CHECKING:
    from aira_dsl.architecture import Architecture
    from aira_dsl.interop.exporters import FolderExporter

    Emit = str
else:
    Emit = Literal[(*EXPORTERS, "summary")]


def compile_(
    file: Source,
    *,
    scale: Annotated[str | None, typer.Option(help="Compile it at this scale of the file.")] = None,
    emit: Annotated[
        Emit,
        typer.Option(
            help="Form to write: a text, or a folder: module, hf, or a class of transformers."
        ),
    ] = "module",
    out: Annotated[
        Path | None,
        typer.Option(help="Path to write; default: a folder named after FILE, texts are printed."),
    ] = None,
    seed: Annotated[
        int, typer.Option(help="Seed of the initial weights.", min=0, max=2**63 - 1)
    ] = 0,
    weights: Annotated[
        Path | None, typer.Option(help="Export the weights of this module folder instead.")
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="Type of the weights; default: float32, or that of --weights."),
    ] = None,
    no_weights: Annotated[
        bool,
        typer.Option(
            "--no-weights", help="Write config and code alone, of hf or a class of transformers."
        ),
    ] = False,
    force: Annotated[bool, typer.Option("--force", help="Replace existing files.")] = False,
) -> None:
    """Compile an architecture to a PyTorch module, or export it."""
    from aira_dsl.language.paths import STDIN

    choice = Weights(seed=seed, source=weights, dtype=dtype, included=not no_weights)
    _check_options(emit, choice, out)
    architecture = load(file)
    if scale is not None:
        architecture = architecture.at(scale)
    if emit == "summary":
        _print_summary(architecture)
        return
    exporter = EXPORTERS[emit]
    if exporter.kind == "folder":
        named = file == STDIN or file.name == "config.json" or file.is_dir()
        stem = architecture.name if named else file.stem
        folder = out or Path(f"{stem}{'' if scale is None else f'_{scale}'}.{emit}")
        _write_folder(architecture, exporter, folder, choice, force)
        if emit == "module":
            print()
            _print_summary(architecture)
        if emit == "hf":
            _print_native_forms(architecture)
        return
    text = exporter.write(architecture)
    if out is None:
        print(text, end="")
    else:
        from aira_dsl.utils.files import write_text

        write_text(out, text, force=force)


def _check_options(emit: Emit, weights: Weights, out: Path | None) -> None:
    """Refuse options that the form does not take."""
    from aira_dsl.errors import UsageError

    if emit == "summary" and out is not None:
        raise UsageError("E0507", "--emit summary prints only; it takes no --out")
    exporter = EXPORTERS.get(emit)
    if exporter is None or exporter.kind == "text":
        given = {
            "--weights": weights.source is not None,
            "--dtype": weights.dtype is not None,
            "--no-weights": not weights.included,
        }
        for option in (option for option, is_given in given.items() if is_given):
            raise UsageError("E0507", f"--emit {emit} has no weights; it takes no {option}")
    elif not weights.included and not exporter.outline:
        raise UsageError("E0507", f"--emit {emit} needs weights; it takes no --no-weights")
    elif not weights.included and weights.source is not None:
        raise UsageError("E0507", "--weights and --no-weights exclude each other")


def _write_folder(
    architecture: "Architecture",
    exporter: "FolderExporter",
    folder: Path,
    weights: Weights,
    force: bool,
) -> None:
    done = exporter.write(architecture, folder, weights, force=force)
    lines = exporter.loading if weights.included else exporter.outline
    what = "" if weights.included else " without weights"
    how = "Load it with" if weights.included else "Build a model with fresh weights with"
    print(f"{folder} is {done}{what}. {how}:")
    for line in lines:
        print(f"  {line.format(folder=str(folder))}")
    for note in exporter.notes(architecture):
        print(f"note: {note}", file=sys.stderr)
    if (folder / TOKENIZER).is_file():
        trust = ", trust_remote_code=True" if any("trust_remote" in line for line in lines) else ""
        print(f"Its tokenizer reads bytes: AutoTokenizer.from_pretrained({str(folder)!r}{trust})")
    if any("transformers" in line for line in lines) and find_spec("transformers") is None:
        from aira_dsl.utils.extras import install_command

        print(f"transformers is not installed here: {install_command('hf')}")


def _print_native_forms(architecture: "Architecture") -> None:
    """Print the forms that need no code of their own."""
    forms = (each for each in EXPORTERS.items() if each[1].kind == "folder" and each[1].native)
    names = [name for name, exporter in forms if not exporter.unsupported(architecture)]
    if names:
        print(f"It needs no remote code with --emit {' or '.join(names)}.")


def _print_summary(architecture: "Architecture") -> None:

    from aira_dsl.report.summary import summary

    print_rich(summary(architecture))
