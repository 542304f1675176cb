"""The table of `gallery`: published models, what they are made of, and what decoding keeps."""

from collections import Counter
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import Architecture, cost, kept_tokens
from aira_dsl.interop.gallery import Published
from aira_dsl.primitives import Primitive
from aira_dsl.report.stack import count_kinds
from aira_dsl.utils.formatting import binary, humanized

if TYPE_CHECKING:
    from rich.console import RenderableType

CONTEXTS = {"8k": 1 << 13, "128k": 1 << 17}
"""Contexts at which keys and values are counted."""


def gallery_json(models: Sequence[Published]) -> list[dict[str, Any]]:
    """Return the rows of the table for scripts: parameters, and bytes of one sequence."""
    return [_row(model) for model in models]


def gallery_text(models: Sequence[Published]) -> "RenderableType":
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
    for model in models:
        row = _row(model)
        dense = row["active"] == row["total"]
        table.add_row(
            row["name"],
            _layers(model.architecture),
            humanized(row["total"]),
            "" if dense else humanized(row["active"]),
            *(binary(row["kv_bytes"][context]) for context in CONTEXTS),
            binary(row["state_bytes"]) if row["state_bytes"] else "",
        )
    note = (
        "Active parameters: all that one token uses, embeddings included. KV: keys and values of "
        "one sequence in bfloat16. State: recurrent in float32, inputs of convolutions in bfloat16."
    )
    return Group(table, Text(note, style="dim"))


def _layers(architecture: Architecture) -> str:
    """Count the layers of each kind, those that keep few tokens apart."""
    counts = Counter(
        "|".join(_described(part) for part in architecture.block_of(name).parts)
        for name in architecture.layers
    )
    return ", ".join(f"{count} {kind}" for kind, count in counts.items())


def _described(block: Primitive) -> str:
    limit = kept_tokens(block)
    return block.kind if limit is None else f"{block.kind} of {limit:,}"


def _row(model: Published) -> dict[str, Any]:
    architecture = model.architecture
    costs = cost(architecture)
    return {
        "name": model.name,
        "title": model.title,
        "model_type": model.config["model_type"],
        "pattern": architecture.pattern,
        "layers": count_kinds(architecture),
        "total": costs.total_parameters,
        "published": model.total,
        "active": costs.active_parameters,
        "active_without_input": costs.active_without_input,
        "active_without_embeddings": costs.active_without_embeddings,
        "kv_cache_bytes": costs.kv_cache_bytes,
        "kv_bytes": {name: costs.kv_bytes(context) for name, context in CONTEXTS.items()},
        "state_bytes": costs.state_bytes,
    }
