"""`aira-dsl extrapolate`: the same design at another size, as a file of its own."""

from pathlib import Path
from typing import Annotated, Literal

import typer


def extrapolate(
    file: Annotated[Path, typer.Argument(help="An architecture file; `-` reads the input.")],
    *,
    to: Annotated[str, typer.Option(help="Scale of the file, or 350m, 1b, 3b.")],
    how: Annotated[
        Literal["stretch", "stack"] | None,
        typer.Option(help="Stretch every run of layers, or stack copies; the scale's own way."),
    ] = None,
    out: Annotated[Path | None, typer.Option(help="Output file (default: the screen).")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace what is there.")] = False,
) -> None:
    """Write an architecture at another size; `show` says what that costs."""
    from aira_dsl.language import to_text
    from aira_dsl.language.paths import load_path
    from aira_dsl.scaling import extrapolate as extrapolated
    from aira_dsl.utils.files import write_text

    text = to_text(extrapolated(load_path(file), to, how=how))
    if out is None:
        print(text, end="")
    else:
        done = write_text(out, text, force=force)
        print(f"{out}: {done}")
