"""`aira-dsl import`: from the notations of other tools to an architecture file."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def import_(
    format: Annotated[
        Literal["megatron", "nemotron_h", "olmo"],
        typer.Argument(metavar="FORMAT", help="megatron, nemotron_h or olmo."),
    ],
    source: Annotated[
        str, typer.Argument(help="A Megatron pattern such as `M-M*-`, or a JSON file.")
    ],
    *,
    like: Annotated[
        Path | None,
        typer.Option(help="For megatron: a file whose dimensions and blocks to use."),
    ] = None,
    name: Annotated[str, typer.Option(help="What to call the architecture.")] = "model",
    out: Annotated[Path | None, typer.Option(help="Where to write; else it is printed.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Read a layer pattern or a config of another tool, and write it as an architecture."""
    from aira_dsl.interop.reading import read
    from aira_dsl.language import to_text
    from aira_dsl.utils.files import write_text

    text = to_text(read(format, source, like=like, name=name))
    if out is None:
        print(text, end="")
    else:
        print(f"{out}: {write_text(out, text, force=force)}")
