"""What `bench` found, as a table for people and as JSON."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from aira_dsl.experiments.speed.implementations import Who
from aira_dsl.experiments.speed.measure import Report, Speed

if TYPE_CHECKING:
    from rich.console import RenderableType

RIVALS: tuple[Who, ...] = ("nemotron-h, as it comes", "nemotron-h")
ACROSS = 4  # columns of arrangements that fit on a page


def speed_json(report: Report) -> dict[str, Any]:
    """Return all that was measured."""
    return {
        "machine": report.machine,
        "peak_flops_per_second": report.peaks,
        "notes": report.notes,
        "arrangements": [
            {
                "name": speed.arrangement,
                "pattern": speed.pattern,
                "training_flops_per_token": speed.flops,
                "tokens_per_second": [
                    {**asdict(setup), "tokens_per_second": round(rate)}
                    for setup, rate in speed.tokens.items()
                ],
                "utilisation": report.utilisation(speed),
                "peak_bytes": speed.peak_bytes,
                "ratios": {who: speed.ratio(who) for who in RIVALS},
            }
            for speed in report.speeds
        ],
    }


def speed_table(report: Report) -> "RenderableType":
    """Return what people read: the ratios, and every setup's thousands of tokens a second."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text(_heading(report)), Text(), _ratios(report)]
    for start in range(0, len(report.speeds), ACROSS):
        parts += [Text(), _setups(report.speeds[start : start + ACROSS])]
    return Group(*parts, *(Text(f"\nnote: {note}") for note in report.notes))


def _heading(report: Report) -> str:
    machine = report.machine
    abilities = ", ".join(machine["abilities"]) or "no vector unit known"
    peaks = ", ".join(f"{name} {peak / 1e9:,.0f}" for name, peak in report.peaks.items())
    return (
        f"{machine['processor']}, {machine['cores']} cores ({abilities})\n"
        f"torch {machine['torch']}; matrix products on all cores: {peaks} GFLOP/s\n"
        "16 × 256 tokens a step; of peak: model FLOPs against matrix products alone"
    )


def _ratios(report: Report) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("aira-dsl against NemotronH")
    for heading in ("tokens/s", "× as it comes", "× its best", "of peak", "MiB"):
        table.add_column(heading, justify="right")
    for speed in report.speeds:
        table.add_row(
            speed.arrangement,
            f"{speed.best('aira-dsl') or 0:,.0f}",
            *(_times(speed, who) for who in RIVALS),
            f"{100 * report.utilisation(speed):.0f} %",
            f"{speed.peak_bytes >> 20:,}",
        )
    return table


def _setups(speeds: Sequence[Speed]) -> "RenderableType":
    from rich.table import Table

    table = Table(box=None, pad_edge=False)
    table.add_column("thousand tokens/s (processes × threads)")
    for speed in speeds:
        table.add_column(speed.arrangement, justify="right")
    for setup in speeds[0].tokens:
        table.add_row(setup.name, *(f"{speed.tokens[setup] / 1e3:.1f}" for speed in speeds))
    return table


def _times(speed: Speed, who: Who) -> str:
    ratio = speed.ratio(who)
    return f"{ratio:.1f}" if ratio else "-"
