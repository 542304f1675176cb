"""What `aira-dsl compile` says about an architecture: a table for people, JSON for scripts.

Everything follows from formulas; torch is not imported and nothing is allocated.
"""

from dataclasses import asdict, dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import Architecture, cost

if TYPE_CHECKING:
    from rich.console import RenderableType

CONVENTION = (
    "a multiply-add is 2 FLOPs, training is 3 forward passes, attention over the full square of "
    "the context; embedding, head, norms and activations not counted (arXiv 2605.15871 §4.3)"
)
"""The cost convention, printed wherever FLOPs are printed."""

CACHE_BYTES = 2
"""Bytes of a cached element where caches are reported: bfloat16."""


@dataclass(frozen=True, slots=True)
class Run:
    """Equal layers that follow one another.

    Attributes:
        first: number of the first layer, from 1.
        last: number of the last one.
        block: name of their block.
        kind: the block's primitive.
        parameters: learnable parameters of one such layer, its norm included.
        flops_share: share of all training FLOPs that the whole run takes, 0 to 1.
    """

    first: int
    last: int
    block: str
    kind: str
    parameters: int
    flops_share: float


def runs(architecture: Architecture) -> list[Run]:
    """Return the layers, equal neighbours together."""
    total = cost(architecture).training_flops
    found: list[Run] = []
    for name, group in groupby(architecture.layers):
        count = len(list(group))
        block = architecture.blocks[name]
        flops = count * block.training_flops(architecture.width, architecture.context)
        first = found[-1].last + 1 if found else 1
        found.append(
            Run(
                first=first,
                last=first + count - 1,
                block=name,
                kind=block.kind,
                parameters=block.parameters(architecture.width) + architecture.width,
                flops_share=flops / total,
            )
        )
    return found


def as_json(architecture: Architecture) -> dict[str, Any]:
    """Return the architecture and its costs for scripts; keys are stable."""
    costs = cost(architecture, element_bytes=CACHE_BYTES)
    return {
        "name": architecture.name,  # first
        **architecture.model_dump(mode="json"),
        "pattern": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "costs": {
            **asdict(costs),
            "total_parameters": costs.total_parameters,
            "cache_element_bytes": CACHE_BYTES,
            "convention": CONVENTION,
        },
    }


def summary(architecture: Architecture) -> "RenderableType":
    """Return the summary as something rich can print: layers, then totals."""
    from rich.console import Group
    from rich.padding import Padding

    return Group(
        f"[bold]{architecture.name}[/bold]  {architecture.depth} layers of width "
        f"{architecture.width}  {architecture.fingerprint}",
        _layers_table(architecture),
        _totals_table(architecture),
        Padding(f"FLOPs: {CONVENTION}.", (0, 0, 0, 1), style="dim"),
    )


def _layers_table(architecture: Architecture) -> "RenderableType":
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in ("layers", "block", "primitive", "parameters each", "FLOPs"):
        table.add_column(column, justify="left" if column in {"block", "primitive"} else "right")
    for run in runs(architecture):
        numbers = str(run.first) if run.first == run.last else f"{run.first}-{run.last}"
        share = f"{run.flops_share:.1%}"
        table.add_row(numbers, run.block, run.kind, f"{run.parameters:,}", share)
    return table


def _totals_table(architecture: Architecture) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    costs = cost(architecture, element_bytes=CACHE_BYTES)
    tied = " (head tied)" if architecture.tie_embeddings else ""
    rows = {
        "pattern": architecture.pattern,
        "parameters": f"{costs.total_parameters:,}",
        "without embeddings": f"{costs.parameters:,}",
        "embeddings": f"{costs.embedding_parameters:,}{tied}",
        "training FLOPs": f"{costs.training_flops:,} per token at context {architecture.context:,}",
        "cache": f"{costs.kv_cache_bytes:,} bytes per token (bfloat16)",
        "state": f"{costs.state_bytes:,} bytes per sequence (bfloat16)",
    }
    table = Table.grid(padding=(0, 2))
    for label, value in rows.items():
        table.add_row(label, Text(value))  # Text: a pattern is no markup
    return table
