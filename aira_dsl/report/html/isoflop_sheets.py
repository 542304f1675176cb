"""The tables of an isoFLOP page."""

import csv
import io
from collections.abc import Sequence
from typing import Any

from aira_dsl.report.html.text import Column, Sheet, clean
from aira_dsl.scaling.isoflop.analysis import Analysis, DesignFit
from aira_dsl.scaling.isoflop.compared import Compared
from aira_dsl.scaling.isoflop.fit import QUANTITIES
from aira_dsl.scaling.isoflop.frontier import SLOPES, estimate

_EQUAL = {
    "tokens": "parameters, tokens",
    "flops": "parameters, FLOPs",
    "best": "FLOPs",
    "latency": "FLOPs, latency",
}
_LIMITS = 6  # rows of a design in the table of latencies


def design_sheet(analysis: Analysis) -> Sheet:
    """Return one row for each design and quantity of its fit."""
    rows = [
        (clean(design.name), name, *design.fit.estimates[name], *_beside(design, name))
        for design in analysis.designs
        for name in QUANTITIES
    ]
    columns = (
        Column("design", "design"),
        Column("quantity", "quantity"),
        *_estimate_columns("number"),
        Column("approach2", "Approach 2", "number"),
        Column("three_sizes", "three sizes", "number"),
    )
    return Sheet("Fitted quantities", columns, _rounded(rows), name="fits")


def slope_sheet(found: Compared) -> Sheet:
    """Return the slopes of the frontiers, then of each pair their difference and ratio."""
    rows: list[Sequence[Any]] = [
        (clean(each.design), "", name, *estimate(each.slopes_S[name]), None, None, None, "")
        for name in SLOPES
        for each in found.frontiers
    ]
    rows += [
        (
            clean(e.first), clean(e.second), e.slope, *e.value, *e.relative,
            "yes" if e.significant else "no",
        )
        for e in found.slopes
    ]  # fmt: skip
    columns = (
        Column("design", "design"),
        Column("minus", "minus"),
        Column("slope", "slope"),
        *_estimate_columns("number"),
        *_estimate_columns("number", "relative_", "ratio - 1"),
        Column("significant", "significant"),
    )
    return Sheet("Slopes of the frontiers", columns, _rounded(rows), name="slopes")


def loss_sheet(found: Compared) -> Sheet:
    """Return the differences of losses at every budget."""
    rows = [
        (
            clean(e.first), clean(e.second), _EQUAL[e.equal], _whole(e.params), _whole(e.amount),
            e.latency, *e.value, "yes" if e.significant else "no",
        )
        for e in found.losses
    ]  # fmt: skip
    columns = (
        Column("design", "design"),
        Column("minus", "minus"),
        Column("equal", "equal"),
        Column("params", "parameters", "short"),
        Column("amount", "tokens or FLOPs", "short"),
        Column("latency", "s a token", "number"),
        *_estimate_columns("number"),
        Column("significant", "significant"),
    )
    return Sheet("Differences of the loss, nats", columns, _rounded(rows), name="losses")


def frontier_sheet(found: Compared) -> Sheet:
    """Return the best size of each design at each budget."""
    rows = [
        (
            f"{each.budgets_C[place]:.3g}", clean(each.design),
            *map(_whole, estimate(each.params_SC[:, place])),
            _whole(float(each.tokens_SC[0, place])), *estimate(each.loss_SC[:, place]),
            "" if each.inside_C[place] else "outside of the sizes",
        )
        for place in range(len(found.frontiers[0].budgets_C))
        for each in found.frontiers
    ]  # fmt: skip
    columns = (
        Column("flops", "FLOPs", "number"),
        Column("design", "design"),
        Column("params", "best size", "short"),
        Column("params_low", "low", "short"),
        Column("params_high", "high", "short"),
        Column("tokens", "tokens", "short"),
        *_estimate_columns("number", "loss_", "loss"),
        Column("note", "note"),
    )
    return Sheet("Best sizes", columns, _rounded(rows), name="frontier")


def latency_sheet(found: Compared) -> Sheet:
    """Return the best size of each design within several limits of latency."""
    count = len(found.latencies[0].limits_T)
    places = sorted({round(part * (count - 1) / (_LIMITS - 1)) for part in range(_LIMITS)})
    rows = [
        (float(each.limits_T[place]), clean(each.design), *map(_whole, best[0]), *best[1])
        for place in places
        for each in found.latencies
        if (best := each.at(place)) is not None
    ]
    columns = (
        Column("seconds", "s a token", "number"),
        Column("design", "design"),
        Column("params", "best size", "short"),
        Column("params_low", "low", "short"),
        Column("params_high", "high", "short"),
        *_estimate_columns("number", "loss_", "loss"),
    )
    caption = f"Best sizes within a latency, {found.latencies[0].flops:.3g} FLOPs"
    return Sheet(caption, columns, _rounded(rows), name="latency")


def csv_sheet(caption: str, text: str, name: str) -> Sheet | None:
    """Return a CSV file as a table; None without rows."""
    header, *rows = list(csv.reader(io.StringIO(text))) or [[]]
    if not rows:
        return None
    columns = tuple(Column(clean(each), clean(each)) for each in header)
    cells = tuple(tuple(clean(cell) for cell in row) for row in rows if len(row) == len(header))
    return Sheet(caption, columns, cells, name=name)


def _estimate_columns(style: Any, prefix: str = "", label: str = "value") -> tuple[Column, ...]:
    return (
        Column(f"{prefix}value", label, style),
        Column(f"{prefix}low", "low", style),
        Column(f"{prefix}high", "high", style),
    )


def _beside(design: DesignFit, name: str) -> tuple[float | None, float | None]:
    """Return the exponent a by parabolas."""
    by_method = {each.method: each.a for each in design.parabolas}
    if name != "a":
        return None, None
    return by_method.get("approach2"), by_method.get("three_point")


def _rounded(rows: Sequence[Sequence[Any]]) -> tuple[tuple[object, ...], ...]:
    """Return rows with floats of five digits, which is more than intervals allow to read."""
    return tuple(
        tuple(float(f"{cell:.5g}") if isinstance(cell, float) else cell for cell in row)
        for row in rows
    )


def _whole(value: float | None) -> int | None:
    return None if value is None else round(value)
