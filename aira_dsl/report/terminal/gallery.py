"""The table of `gallery`: designs, what they are made of, and what decoding keeps."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

from aira_dsl.report.gallery import CONTEXTS, NOTE, Entry
from aira_dsl.utils.formatting import binary, humanized

if TYPE_CHECKING:
    from rich.console import RenderableType


def gallery_text(entries: Sequence[Entry]) -> "RenderableType":
    """Return the table for people."""
    from rich import box
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("model", no_wrap=True)
    table.add_column("layers", no_wrap=True)
    for heading in ("total", "active", *(f"KV {context}" for context in CONTEXTS), "state"):
        table.add_column(heading, justify="right", no_wrap=True)
    for entry in entries:
        costs = entry.costs
        table.add_row(
            Text(entry.name),
            entry.layers,
            humanized(costs.total_parameters),
            humanized(costs.active_parameters) if entry.is_sparse else "",
            *(binary(costs.kv_bytes(context)) for context in CONTEXTS.values()),
            binary(costs.state_bytes) if costs.state_bytes else "",
        )
    return Group(table, Text(NOTE, style="dim"))
