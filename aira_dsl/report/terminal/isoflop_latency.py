"""The latencies of the models of a grid: a line for each while they are found, and a table."""

from typing import TextIO

from rich.table import Table

from aira_dsl.scaling.grid.latency import Entry, GridLatency
from aira_dsl.scaling.grid.plan import Plan
from aira_dsl.utils.formatting import humanized, short_duration


class LatencyLines:
    """Prints a line for each model.

    Args:
        out: where lines go.
    """

    def __init__(self, out: TextIO) -> None:
        self._out = out

    def found(self, entry: Entry, left: int) -> None:
        """Print the line of a model; `left` are still to come."""
        said = f"{entry.design} {humanized(entry.size)}: {short_duration(entry.seconds)} a token"
        print(f"{said}; {left} left", file=self._out, flush=True)


def latency_table(plan: Plan, found: GridLatency) -> Table:
    """Return a row for each design, a column for each size, in milliseconds a token."""
    seconds = found.of(plan)
    sizes = sorted({size for _, size in seconds})
    how = "upper bound of speed" if found.method == "roofline" else "measured"
    table = Table(
        title=f"ms a token: {found.device}, {found.precision}, context {found.context:,}, "
        f"batch {found.batch:,} ({how})",
        title_justify="left",
        box=None,
    )
    table.add_column("design", no_wrap=True)
    for size in sizes:
        table.add_column(humanized(size), justify="right", no_wrap=True)
    for design in plan.grid.designs:
        cells = [seconds.get((design, size)) for size in sizes]
        table.add_row(design, *("" if each is None else f"{1000 * each:.3g}" for each in cells))
    return table
