"""`aira-dsl import`: from the configs and notations of other tools to an architecture file."""

import re
from pathlib import Path
from typing import Annotated, Literal

import typer
from typer.core import TyperCommand

from aira_dsl.interop.importers import HUGGING_FACE, IMPORTERS

from .process import print_rich
from .source import print_notes

_TEXT = re.compile(r"-[-M*GDE+|/\[\]\\]*|--[a-z][\w-]*\s.*", re.DOTALL)
"""Megatron-LM's pattern or arguments as one word of the command line, not an option."""


class ImportCommand(TyperCommand):
    """Takes a Megatron pattern that begins with `-` as the source, not as an option."""

    def parse_args(self, ctx, args):  # type: ignore[no-untyped-def]
        """Move such a word to the end, after a `--`: there every word is an argument."""
        texts = [word for word in args if word != "--" and _TEXT.fullmatch(word)]
        if texts and "--" not in args:
            args = [word for word in args if word not in texts] + ["--", *texts]
        return super().parse_args(ctx, args)


def import_(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="[FORMAT] SOURCE",
            help="A config.json, its folder, a file of Megatron-LM arguments, or `-` for the "
            "standard input; after `megatron` also a pattern such as 'M-M*-'. FORMAT is "
            f"recognized; it is hf or one of {', '.join(IMPORTERS)}.",
        ),
    ],
    *,
    like: Annotated[
        Path | None,
        typer.Option(help="For a Megatron pattern: a file whose dimensions and blocks to use."),
    ] = None,
    name: Annotated[str, typer.Option(help="Name of the architecture.")] = "model",
    costs_only: Annotated[
        bool,
        typer.Option(
            "--costs-only",
            help="Print parameters, FLOPs and caches; settings that do not change them may be "
            "beyond the language.",
        ),
    ] = False,
    weights: Annotated[
        Path | None,
        typer.Option(
            help="Import the weights, too: SOURCE is a folder with config.json and safetensors "
            "files, and this module folder is written.",
        ),
    ] = None,
    dtype: Annotated[
        Literal["float32", "bfloat16", "float16"] | None,
        typer.Option(help="With --weights, type of the weights; default: one that rounds none."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="File to write; default: print.")] = None,
    force: Annotated[
        bool, typer.Option("--force", help="Replace an existing file or module folder.")
    ] = False,
) -> None:
    """Read a config or a layer pattern of another tool, and write it as an architecture.

    With --weights, write the model with the weights of a checkpoint.
    """
    from aira_dsl.errors import UsageError
    from aira_dsl.interop.importers import read

    if costs_only and out is not None:
        raise UsageError("E0523", "--costs-only prints only; it takes no --out")
    if dtype is not None and weights is None:
        raise UsageError("E0523", "--dtype is the type of weights; it goes with --weights")
    if len(words) > 2:
        message = (
            f"import takes one source, after the name of its format; {words[2]!r} is left over"
        )
        raise UsageError("E0523", message, help="quote a pattern or arguments")
    format = words[0] if len(words) == 2 else None
    if weights is not None:
        if format not in (None, HUGGING_FACE) or costs_only or like or out is not None:
            message = "--weights takes no FORMAT, --like, --costs-only or --out"
            raise UsageError("E0523", message, help="it writes a module folder")
        _import_weights(words[-1], weights, name, dtype, force)
        return
    imported = read(words[-1], format, like=like, name=name, costs_only=costs_only)
    print_notes(imported.notes)
    if costs_only:
        from aira_dsl.report.summary import summary

        print_rich(summary(imported.architecture))
        return
    from aira_dsl.language import to_text
    from aira_dsl.utils.files import write_text

    text = to_text(imported.architecture)
    if out is None:
        print(text, end="")
    else:
        print(f"{out}: {write_text(out, text, force=force)}")


def _import_weights(source: str, out: Path, name: str, dtype: str | None, force: bool) -> None:
    """Write the module folder of a checkpoint."""
    import torch

    from aira_dsl.interop.weights import import_checkpoint

    chosen = None if dtype is None else getattr(torch, dtype)
    imported = import_checkpoint(source, out, name=name, dtype=chosen, force=force)
    print_notes(imported.notes)
    print(f"{out}: {imported.state}. Load it with:")
    print(f"  aira_dsl.load_model({str(out)!r})")


app = typer.Typer(add_completion=False)
app.command("import", cls=ImportCommand)(import_)
