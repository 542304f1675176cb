"""The output of `show` and `compile --emit summary`: a drawing for people, JSON for scripts.

Everything follows from formulas; torch is not imported and nothing is allocated.
"""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import (
    AS_WRITTEN,
    BATCH_TOKENS,
    CONVENTIONS,
    SETTINGS,
    WEIGHT_BITS,
    Architecture,
    Costs,
    Workload,
)
from aira_dsl.architecture.pattern import compress
from aira_dsl.architecture.record import as_json, costs_at, costs_json
from aira_dsl.primitives.registry import DRAWN
from aira_dsl.report.stack import Line, count_kinds, gutters, lines
from aira_dsl.report.terminal.bar import Bar
from aira_dsl.utils.formatting import binary, humanized

if TYPE_CHECKING:
    from rich.console import RenderableType

SHOWN = 60
"""Lines of a stack shown at most."""


def show_json(architecture: Architecture, workload: Workload) -> dict[str, Any]:
    """Return what `show` draws: `as_json`, the stack, and the costs at every scale."""
    stack = lines(architecture, context=workload.context, convention=workload.convention)
    scales = {name: architecture.at(name) for name in architecture.scales}
    return {
        **as_json(architecture, workload),
        "stack": [asdict(line) for line in stack],
        "scaled": {
            name: {
                "depth": model.depth,
                "pattern": model.pattern,
                "fingerprint": model.fingerprint,
                "layers_by_kind": count_kinds(model),
                "costs": costs_json(model, workload),
            }
            for name, model in scales.items()
        },
    }


def summary(architecture: Architecture, workload: Workload = AS_WRITTEN) -> "RenderableType":
    """Return an architecture as something rich can print: stack, totals, scales."""
    from rich.console import Group
    from rich.padding import Padding
    from rich.text import Text

    parts: list[RenderableType] = [
        Text.assemble(
            (architecture.name, "bold"),
            f"  {architecture.depth:,} layers of width {architecture.width:,}  ",
            (architecture.fingerprint, "dim"),
        ),
        _stack_table(architecture, workload),
        _totals_table(architecture, workload),
    ]
    if architecture.scales:
        parts += [Text(), _scales_table(architecture, workload)]
    note = f"A row counts all its layers. FLOPs: {CONVENTIONS[workload.convention]}."
    return Group(*parts, Padding(Text(note, style="dim"), (1, 0, 0, 0)))


def _stack_table(architecture: Architecture, workload: Workload) -> "RenderableType":
    from rich import box
    from rich.table import Table

    stack = lines(architecture, context=workload.context, convention=workload.convention)
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layers", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("block", no_wrap=True)
    table.add_column("primitive")
    table.add_column("count", justify="right")
    table.add_column("parameters", justify="right")
    table.add_column("FLOPs", justify="right")
    table.add_column("", no_wrap=True)
    table.add_column("cache/token", justify="right")
    widest = max(line.flops_share for line in stack)
    drawn = list(zip(stack, gutters(stack), strict=True))
    for line, gutter in drawn[:SHOWN]:
        table.add_row(*_cells(line, gutter, widest))
    if len(drawn) > SHOWN:
        table.add_row("…", "", f"{len(drawn) - SHOWN:,} more lines")
    return table


def _cells(line: Line, gutter: str, widest: float) -> list["str | RenderableType"]:
    from rich.text import Text

    numbers = f"{line.first:,}" if line.count == 1 else f"{line.first:,}-{line.last:,}"
    block = line.block if line.count == 1 else f"{line.count} × {line.block}"
    color = DRAWN[line.kind].color
    cache = humanized(line.cache_bytes) + "B" if line.cache_bytes else ""
    if cache and line.cache_tokens is not None:
        cache += f" ≤ {line.cache_tokens:,}"
    return [
        numbers,
        Text(gutter, style="dim"),
        Text(block, style=color),
        Text(line.kind, style=color),
        f"{line.layers:,}",
        humanized(line.parameters),
        f"{line.flops_share:.1%}",
        Bar(line.flops_share / widest, color),
        cache,
    ]


def _totals_table(architecture: Architecture, workload: Workload) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    costs = costs_at(architecture, workload)
    context = workload.context or architecture.context
    tied = " (head tied)" if architecture.tie_embeddings else ""
    sequences = "1 sequence" if workload.batch == 1 else f"{workload.batch:,} sequences"
    counts = ", ".join(f"{count:,} {kind}" for kind, count in count_kinds(architecture).items())
    rows = {
        "pattern": _cut(architecture.pattern),
        "layers": counts,
        "parameters": f"{costs.parameters:,} without embeddings",
        "embeddings": f"{costs.embedding_parameters:,}{tied}",
        "total parameters": f"{costs.total_parameters:,}",
        **_active_row(costs),
        **_mtp_row(architecture),
        **_settings_row(architecture),
        "weights": ", ".join(
            f"{binary(costs.weight_bytes(bits))} in {name}" for name, bits in WEIGHT_BITS.items()
        ),
        "training FLOPs": f"{costs.training_flops:,} per token at context {context:,}",
        "inference FLOPs": (
            f"{humanized(costs.prefill_flops)} for a prompt of {context:,}, "
            f"{humanized(costs.decode_flops)} for the next token"
        ),
        "cache": f"{costs.kv_cache_bytes:,} bytes per token{_windows(costs)} (bfloat16)",
        "state": f"{costs.state_bytes:,} bytes per sequence (recurrent in float32)",
        "cache and state": (
            f"{costs.cache_bytes(context, workload.batch):,} bytes for {sequences} of {context:,}"
        ),
    }
    if workload.budget is not None:
        rows["budget"] = (
            f"{workload.budget:.3g} FLOPs buy {costs.tokens(workload.budget):,} tokens,\n"
            f"{costs.steps(workload.budget):,} steps of {BATCH_TOKENS:,}"
        )
    table = Table.grid(padding=(0, 2))
    for label, value in rows.items():
        table.add_row(label, Text(value))  # Text: a pattern is not markup
    return table


def _active_row(costs: Costs) -> dict[str, str]:
    """Return the active parameters, by all three ways in which vendors count them."""
    if costs.active_parameters == costs.total_parameters:
        return {}
    return {
        "active parameters": (
            f"{costs.active_parameters:,} for each token; {costs.active_without_input:,} without "
            f"the embedding, {costs.active_without_embeddings:,} without embedding and head"
        )
    }


def _windows(costs: Costs) -> str:
    return "".join(
        f", {cache.token_bytes:,} for each of the last {cache.tokens:,}"
        for cache in costs.caches
        if cache.tokens is not None
    )


def _settings_row(architecture: Architecture) -> dict[str, str]:
    """Return the row of the settings that most models leave at their defaults, if any is used."""
    used = {key: value for key, value in architecture.used_options().items() if key in SETTINGS}
    shown = ", ".join(
        f"{key} {value:g}" if isinstance(value, float) else f"{key} {value}"
        for key, value in used.items()
    )
    return {"settings": shown} if shown else {}


def _mtp_row(architecture: Architecture) -> dict[str, str]:
    """Return the row of multi-token prediction, if there is any."""
    if not architecture.mtp:
        return {}
    pattern = _cut(compress(architecture.mtp))
    return {"mtp": f"{pattern}, {architecture.mtp_parameters:,} parameters in no other row"}


def _cut(pattern: str, limit: int = 400) -> str:
    return pattern if len(pattern) <= limit else pattern[: limit - 1] + "…"


def _scales_table(architecture: Architecture, workload: Workload) -> "RenderableType":
    from rich import box
    from rich.table import Table

    models = {name: architecture.at(name) for name in architecture.scales}
    kinds = list(dict.fromkeys(kind for model in models.values() for kind in count_kinds(model)))
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("scale", no_wrap=True)
    # There is room for one of the two.
    last = "total" if workload.budget is None else "tokens"
    for column in ("width", "layers", *kinds, "param.", "FLOPs", "cache", last):
        table.add_column(column, justify="right", no_wrap=True)
    for name, model in models.items():
        costs, counts = costs_at(model, workload), count_kinds(model)
        cache = costs.cache_bytes(workload.context or model.context, workload.batch)
        table.add_row(
            name,
            f"{model.width:,}",
            f"{model.depth:,}",
            *(f"{counts.get(kind, 0):,}" for kind in kinds),
            humanized(costs.parameters),
            humanized(costs.training_flops),
            f"{humanized(cache)}B",
            humanized(
                costs.total_parameters if workload.budget is None else costs.tokens(workload.budget)
            ),
        )
    return table
