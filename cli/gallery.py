"""`aira-dsl gallery`: published models as architectures."""

import json
from typing import Annotated

import typer

from .options import Format
from .process import print_rich


def gallery(
    name: Annotated[
        str | None, typer.Argument(help="Model to print as an architecture; default: a table.")
    ] = None,
    *,
    format_: Format = "text",
) -> None:
    """List published models with their parameters, caches and states, or print one of them."""
    from aira_dsl.interop.gallery import published_model, published_models

    if name is not None:
        print(published_model(name).text, end="")
        return
    from aira_dsl.report.terminal.gallery import gallery_json, gallery_text

    models = published_models()
    if format_ == "json":
        print(json.dumps(gallery_json(models), indent=1))
    else:
        print_rich(gallery_text(models))
