"""`aira-dsl import`: from the configs and notations of other tools to an architecture file."""

import re
from pathlib import Path
from typing import Annotated

import typer
from typer.core import TyperCommand

from aira_dsl.interop.importers import IMPORTERS

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
    out: Annotated[Path | None, typer.Option(help="File to write; default: print.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace an existing file.")] = False,
) -> None:
    """Read a config or a layer pattern of another tool, and write it as an architecture."""
    from aira_dsl.errors import UsageError
    from aira_dsl.interop.importers import read

    if costs_only and out is not None:
        raise UsageError("E0523", "--costs-only prints only; it takes no --out")
    if len(words) > 2:
        message = (
            f"import takes one source, after the name of its format; {words[2]!r} is left over"
        )
        raise UsageError("E0523", message, help="quote a pattern or arguments")
    format = words[0] if len(words) == 2 else None
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


app = typer.Typer(add_completion=False)
app.command("import", cls=ImportCommand)(import_)
