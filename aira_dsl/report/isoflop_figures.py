"""Pictures of a scaling fit: isoFLOP curves, frontiers of loss against FLOPs and latency."""

import io
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from aira_dsl.scaling.isoflop.analysis import Analysis, DesignFit
from aira_dsl.scaling.isoflop.frontier import best_sizes, isoflop_loss
from aira_dsl.scaling.isoflop.latency import LatencyFrontier

_COLUMNS = 3
_MARGIN = 0.12  # of the height, above and below the points


def isoflop_curves(analysis: Analysis) -> bytes:
    """Draw for each design the loss against size, with the fit at each budget; a PNG."""
    from matplotlib.cm import ScalarMappable
    from matplotlib.colors import LogNorm
    from matplotlib.figure import Figure

    count = len(analysis.designs)
    columns = min(count, _COLUMNS)
    rows = math.ceil(count / columns)
    width = 8 if columns == 1 else 5.5 * columns
    figure = Figure(figsize=(width, 4.5 * rows), layout="constrained")
    panels = figure.subplots(rows, columns, squeeze=False).ravel()
    flops = np.concatenate([each.fit.runs.flops_R for each in analysis.designs])
    colors = ScalarMappable(LogNorm(flops.min(), flops.max()), "viridis")
    for axes, design in zip(panels, analysis.designs, strict=False):
        _curves(axes, design, colors)
    for axes in panels[count:]:
        axes.set_visible(False)
    figure.colorbar(colors, ax=panels[:count].tolist(), label="FLOPs")
    return _png(figure)


def frontier(analysis: Analysis) -> bytes:
    """Draw the lowest loss of each design against FLOPs, with 95 % intervals; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for design in analysis.designs:
        if not design.optima:
            continue
        runs = design.fit.runs
        budgets = np.geomspace(runs.flops_R.min(), runs.flops_R.max(), 60).tolist()
        loss = np.array([each.loss for each in best_sizes(design.fit, budgets)]).T
        (line,) = axes.plot(budgets, loss[0], linewidth=2, label=_label(design.name), zorder=3)
        color = line.get_color()
        axes.fill_between(budgets, loss[1], loss[2], color=color, alpha=0.25, linewidth=0)
        axes.scatter(runs.flops_R, runs.loss_R, s=10, color=color, alpha=0.35, linewidth=0)
    axes.set(xscale="log", xlabel="FLOPs", ylabel="loss in nats", title="Loss at the best size")
    axes.grid(alpha=0.25)
    _legend(axes)
    return _png(figure)


def latency_curves(latencies: Sequence[LatencyFrontier]) -> bytes:
    """Draw the lowest loss of each design within a latency, with 95 % intervals; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for each in latencies:
        found = [each.at(place) for place in range(len(each.limits_T))]
        limits = [limit for limit, best in zip(each.limits_T, found, strict=True) if best]
        loss = np.array([best[1] for best in found if best]).T
        (line,) = axes.plot(limits, loss[0], linewidth=2, label=_label(each.design))
        axes.fill_between(limits, loss[1], loss[2], color=line.get_color(), alpha=0.25, linewidth=0)
    axes.set(
        xscale="log",
        xlabel="seconds of a decoded token, at most",
        ylabel="loss in nats",
        title=f"Loss at the best size within a latency, {latencies[0].flops:.3g} FLOPs",
    )
    axes.grid(alpha=0.25)
    _legend(axes)
    return _png(figure)


def _legend(axes: Any) -> None:
    """Name the lines beside the axes, where they cover none."""
    if axes.lines:
        legend = axes.legend(frameon=False, loc="center left", bbox_to_anchor=(1, 0.5))
        for text in legend.get_texts():
            text.set_parse_math(False)


def _curves(axes: Any, design: DesignFit, colors: Any) -> None:
    """Draw the runs of one design, the fit at each budget, and the line of optima."""
    runs = design.fit.runs
    axes.scatter(
        runs.params_R, runs.loss_R, s=16, c=colors.to_rgba(runs.flops_R), linewidth=0, zorder=2
    )
    sizes = np.geomspace(runs.params_R.min() / 1.5, runs.params_R.max() * 1.5, 200)
    within = [each for each in design.optima if each.extrapolation <= 1.1]
    for each in within:
        loss = isoflop_loss(design.fit, each.flops, sizes)
        axes.plot(sizes, loss, color=colors.to_rgba(each.flops), linewidth=1.2, zorder=1)
    axes.plot(
        [each.params[0] for each in within],
        [each.loss[0] for each in within],
        color="#c0392b",
        marker="D",
        markersize=4,
        linewidth=1,
        linestyle="--",
        label="best size of the fit",
        zorder=3,
    )
    margin = _MARGIN * (np.ptp(runs.loss_R) or runs.loss_R.max())
    axes.set(
        xscale="log",
        xlabel="parameters",
        ylabel="loss in nats",
        ylim=(runs.loss_R.min() - margin, runs.loss_R.max() + margin),
    )
    axes.set_title(design.name, parse_math=False)
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)


def _label(name: str) -> str:
    """Return a name as a legend shows it: matplotlib hides those that begin with `_`."""
    return f" {name}" if name.startswith("_") else name


def _png(figure: Any) -> bytes:
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()
