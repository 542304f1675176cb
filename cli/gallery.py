"""`aira-dsl gallery`: published models, or files of a user, side by side."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from .options import Force, Format
from .process import print_rich
from .source import load

if TYPE_CHECKING:
    from aira_dsl.report.gallery import Entry


def gallery(
    models: Annotated[
        list[str] | None,
        typer.Argument(
            help="Names of published models, architecture files or config.json files; "
            "default: all published models. One name alone is printed as an architecture."
        ),
    ] = None,
    *,
    html: Annotated[Path | None, typer.Option(help="Output file of a page.")] = None,
    svg: Annotated[Path | None, typer.Option(help="Output file of a drawing.")] = None,
    force: Force = False,
    format_: Format = "text",
) -> None:
    """List models with their parameters, caches and states, draw their layers, or print one."""
    from aira_dsl.interop.gallery import published_model
    from aira_dsl.report.gallery import gallery_json
    from aira_dsl.report.terminal.gallery import gallery_text

    alone = len(models or ()) == 1 and not (html or svg)
    if models and alone and not _is_file(models[0]):
        print(published_model(models[0]).text, end="")
        return
    entries = _entries(models)
    if html or svg:
        _write(entries, html, svg, force=force, published=not models)
    elif format_ == "json":
        print(json.dumps(gallery_json(entries), indent=1))
    else:
        print_rich(gallery_text(entries))


def _entries(models: list[str] | None) -> list["Entry"]:
    from aira_dsl.interop.gallery import published_model, published_models
    from aira_dsl.report.gallery import Entry

    if not models:
        return [Entry.of(model) for model in published_models()]
    return [_file(each) if _is_file(each) else Entry.of(published_model(each)) for each in models]


def _is_file(name: str) -> bool:
    """Tell whether an argument means a file or a folder; names of published models do not."""
    from aira_dsl.interop.gallery import published_models

    if name in {model.name for model in published_models()}:
        return False
    return name == "-" or "." in name or "/" in name or Path(name).exists()


def _file(name: str) -> "Entry":
    from aira_dsl.report.gallery import Entry

    architecture = load(Path(name), costs_only=True)
    return Entry(name, architecture.name, architecture)


def _write(
    entries: list["Entry"], html: Path | None, svg: Path | None, *, force: bool, published: bool
) -> None:
    from aira_dsl.report.html.gallery_page import gallery_page, gallery_svg
    from aira_dsl.utils.files import write_text
    from aira_dsl.utils.formatting import plural

    title = plural(len(entries), "published model" if published else "model")
    if html:
        print(f"{html}: {write_text(html, gallery_page(entries, title), force=force)}")
    if svg:
        print(f"{svg}: {write_text(svg, gallery_svg(entries, title), force=force)}")
