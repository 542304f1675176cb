"""What `latency` found: tables for people, and JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.memory import Memory
from aira_dsl.evaluation.latency.result import ENDS, PHASES, Latency, Part, Seconds
from aira_dsl.primitives.registry import DRAWN
from aira_dsl.report.terminal.bar import Bar
from aira_dsl.utils.formatting import binary, plural

if TYPE_CHECKING:
    from rich.console import RenderableType

_METHODS = {
    "roofline": (
        "Roofline from peak figures: the least time that each layer needs, so every speed is an "
        "upper bound. The limit is compute (FLOP/s) or memory (bytes per second)."
    ),
    "measured": (
        "Blocks are measured layer by layer in a mixture; the stack is predicted as their sum. The "
        "least time of all rounds counts."
    ),
}


def latency_json(architecture: Architecture, found: Sequence[Latency]) -> dict[str, Any]:
    """Return everything for scripts; times in seconds, memory in bytes."""
    return {
        "name": architecture.name,
        "fingerprint": architecture.fingerprint,
        "pattern": architecture.pattern,
        "devices": [_device_json(each) for each in found],
    }


def latency_text(architecture: Architecture, found: Latency) -> "RenderableType":
    """Return the report of one device: parts, speeds, memory."""
    from rich.console import Group
    from rich.text import Text

    sequences = plural(found.batch, "sequence")
    return Group(
        _heading(architecture),
        Text(f"{found.title}, {found.precision}: {sequences} of {found.context:,} tokens"),
        Text(),
        _parts_table(found),
        Text(),
        _facts(found),
        Text(f"\n{_METHODS[found.method]}", style="dim"),
    )


def gpus_text(architecture: Architecture, found: Sequence[Latency]) -> "RenderableType":
    """Return a table with a row for each of several GPUs."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    first = found[0]
    sequences = plural(first.batch, "sequence")
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("GPU")
    for heading in ("prefill tokens/s", "decode tokens/s", "longest context", "largest batch"):
        table.add_column(heading, justify="right")
    for each in found:
        speeds = (each.prefill_tokens_per_second, each.decode_tokens_per_second)
        shown = [f"{speed:,.0f}" for speed in speeds] if each.memory.fits else ["does not fit", ""]
        table.add_row(each.title, *shown, *_limits(each.memory))
    return Group(
        _heading(architecture),
        Text(f"{first.precision}: {sequences} of {first.context:,} tokens"),
        Text(),
        table,
        Text(f"\n{_METHODS[first.method]}", style="dim"),
    )


def _heading(architecture: Architecture) -> "RenderableType":
    from rich.text import Text

    return Text.assemble(
        (architecture.name, "bold"),
        f"  {architecture.depth:,} layers of width {architecture.width:,}  ",
        (architecture.fingerprint, "dim"),
    )


def _parts_table(found: Latency) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False, padding=(0, 1, 0, 0))
    table.add_column("layers", no_wrap=True)
    table.add_column("primitive", no_wrap=True)
    for phase in PHASES:
        table.add_column(f"{phase} ms", justify="right", no_wrap=True)
        table.add_column("", no_wrap=True)
        if found.method == "roofline":
            table.add_column("limit", no_wrap=True)
    for part in found.parts:
        table.add_row(*_cells(part, found.seconds))
    return table


def _cells(part: Part, whole: Seconds) -> list["str | RenderableType"]:
    from rich.text import Text

    color = DRAWN[part.kind].color if part.kind else "white"
    name = "embedding, head" if part.name == ENDS else f"{part.layers:,} × {part.name}"
    cells: list[str | RenderableType] = [Text(name, style=color), Text(part.kind, style=color)]
    for index, phase in enumerate(PHASES):
        time, total = getattr(part.seconds, phase), getattr(whole, phase)
        cells += [_milliseconds(time), Bar(time / total, color)]
        cells += [part.bounds[index]] if part.bounds else []
    return cells


def _facts(found: Latency) -> "RenderableType":
    from rich.table import Table

    memory, seconds = found.memory, found.seconds
    bound = "at most " if found.method == "roofline" else ""
    longest, largest = _limits(memory)
    capacity = "" if memory.capacity is None else f", of {binary(memory.capacity)}"
    rows = {
        "prefill": f"{bound}{found.prefill_tokens_per_second:,.0f} tokens/s, "
        f"{_milliseconds(seconds.prefill)} ms for the prompts",
        "decode": f"{bound}{found.decode_tokens_per_second:,.0f} tokens/s, "
        f"{_milliseconds(seconds.decode)} ms a token",
        "memory": f"weights {binary(memory.weights)}, keys and values {binary(memory.cache)}, "
        f"states {binary(memory.state)}: {binary(memory.needed)}{capacity}",
        "longest context": f"{longest} at batch {found.batch:,}",
        "largest batch": f"{largest} at context {found.context:,}",
    }
    if found.whole is not None:
        rows["whole stack"] = (
            f"measured {_milliseconds(found.whole.prefill)} ms for the prompts, "
            f"{_milliseconds(found.whole.decode)} ms a token; the prediction is off by "
            f"{found.error('prefill'):+.1%} and {found.error('decode'):+.1%}"
        )
    table = Table.grid(padding=(0, 2))
    for label, value in rows.items():
        table.add_row(label, value)
    return table


def _milliseconds(seconds: float) -> str:
    """Write milliseconds with three significant digits."""
    value = 1e3 * seconds
    return f"{value:,.0f}" if value >= 99.95 else f"{value:#.3g}"


def _limits(memory: Memory) -> tuple[str, str]:
    """Say how long a context and how large a batch fit."""
    if memory.capacity is None:
        return "unknown", "unknown"
    longest, largest = (
        "any" if limit is None else f"{limit:,}"
        for limit in (memory.longest_context, memory.largest_batch)
    )
    return ("none", largest) if memory.weights > memory.capacity else (longest, largest)


def _device_json(found: Latency) -> dict[str, Any]:
    return {
        **{name: value for name, value in asdict(found).items() if name != "memory"},
        "seconds": asdict(found.seconds),
        "errors": None if found.whole is None else {phase: found.error(phase) for phase in PHASES},
        "prefill_tokens_per_second": found.prefill_tokens_per_second,
        "decode_tokens_per_second": found.decode_tokens_per_second,
        "memory": {
            **asdict(found.memory),
            "needed": found.memory.needed,
            "fits": found.memory.fits,
        },
    }
