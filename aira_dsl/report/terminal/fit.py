"""What `show --gpu` adds: whether a model fits on a GPU, and what bounds its speed."""

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aira_dsl.evaluation.latency.fit import Fit
from aira_dsl.evaluation.latency.memory import Memory
from aira_dsl.evaluation.latency.result import PHASES, Phase
from aira_dsl.utils.formatting import binary, plural

if TYPE_CHECKING:
    from rich.console import RenderableType


def fit_json(found: Fit) -> dict[str, Any]:
    """Return it for scripts: memory in bytes, speeds in tokens per second."""
    return {
        "device": found.latency.device,
        "context": found.latency.context,
        "batch": found.latency.batch,
        "memory": {
            precision: {**asdict(memory), "needed": memory.needed, "fits": memory.fits}
            for precision, memory in found.memories.items()
        },
        "speed": {
            phase: {"tokens_per_second": _speed(found, phase), "bound": found.bound(phase)}
            for phase in PHASES
        },
    }


def fit_text(found: Fit) -> "RenderableType":
    """Return a table of the precisions, and the speeds."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    latency = found.latency
    title = f"\n{latency.title}: {plural(latency.batch, 'sequence')} of {latency.context:,} tokens"
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    table.add_column("weights in")
    for heading in ("weights", "caches, states", "needed", "fits", "max. context", "max. batch"):
        table.add_column(heading, justify="right")
    for precision, memory in found.memories.items():
        table.add_row(precision, *_cells(memory))
    speeds = ", ".join(
        f"{phase} at most {_speed(found, phase):,.0f} tokens/s (limit: {found.bound(phase)})"
        for phase in PHASES
    )
    return Group(Text(title, style="bold"), table, Text(f"in bf16: {speeds}"))


def _cells(memory: Memory) -> tuple[str, ...]:
    longest, largest = (
        "any" if limit is None else f"{limit:,}"
        for limit in (memory.longest_context, memory.largest_batch)
    )
    return (
        binary(memory.weights),
        binary(memory.cache + memory.state),
        binary(memory.needed),
        "yes" if memory.fits else "no",
        longest,
        largest,
    )


def _speed(found: Fit, phase: Phase) -> float:
    latency = found.latency
    if phase == "prefill":
        return latency.prefill_tokens_per_second
    return latency.decode_tokens_per_second
