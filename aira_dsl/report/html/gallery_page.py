"""The page of the gallery, and its picture alone."""

from collections.abc import Sequence

from aira_dsl.report.gallery import CONTEXTS, NOTE, Entry
from aira_dsl.report.html.rendering import fill
from aira_dsl.report.html.text import Attachment, Column, Sheet, clean
from aira_dsl.report.stack import count_kinds
from aira_dsl.report.strips import NARROW, WIDE, draw_strips

_COLUMNS = (
    Column("model", "model"),
    Column("layers", "layers", "prose"),
    Column("depth", "depth", "count"),
    Column("total", "total", "short"),
    Column("active", "active", "short"),
    *(Column(f"kv_bytes_{name}", f"KV {name}", "bytes") for name in CONTEXTS),
    Column("state_bytes", "state", "bytes"),
)


def gallery_page(entries: Sequence[Entry], title: str) -> str:
    """Return the page: HTML that needs nothing else, the same bytes for the same designs."""
    depths = sorted(each.architecture.depth for each in entries)
    sizes = sorted(each.costs.total_parameters for each in entries)
    views = {"wide": WIDE, "narrow": NARROW}
    return fill(
        "gallery.html",
        title=clean(title),
        kinds=len({kind for each in entries for kind in count_kinds(each.architecture)}),
        depths=(depths[0], depths[-1]),
        sizes=(sizes[0], sizes[-1]),
        pictures={view: draw_strips(entries, title, form) for view, form in views.items()},
        picture_files=(Attachment("gallery.svg", "image/svg+xml", gallery_svg(entries, title)),),
        sheet=_sheet(entries),
        note=NOTE,
    )


def gallery_svg(entries: Sequence[Entry], title: str) -> str:
    """Return the picture as a file of its own."""
    return fill("strips.svg", picture=draw_strips(entries, title)).strip() + "\n"


def _sheet(entries: Sequence[Entry]) -> Sheet:
    rows = tuple(
        (
            clean(each.title),
            each.layers,
            each.architecture.depth,
            each.costs.total_parameters,
            each.costs.active_parameters,
            *(each.costs.kv_bytes(context) for context in CONTEXTS.values()),
            each.costs.state_bytes,
        )
        for each in entries
    )
    return Sheet("Models", _COLUMNS, rows, name="gallery")
