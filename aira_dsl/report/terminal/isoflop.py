"""The report of a scaling fit: as text and as JSON."""

from dataclasses import asdict
from typing import Any

from aira_dsl.report.terminal.isoflop_compared import (
    compared_json,
    compared_lines,
    estimate_json,
)
from aira_dsl.scaling.isoflop.analysis import Analysis, DesignFit, Difference
from aira_dsl.scaling.isoflop.approach2 import Parabolas
from aira_dsl.scaling.isoflop.fit import Optimum
from aira_dsl.scaling.isoflop.reader import Reading
from aira_dsl.utils.formatting import humanized, plural
from aira_dsl.utils.statistics import Estimate

_OBJECTIVES = {
    "least-squares": "least squares on the loss",
    "huber": "Huber's cost of log L with δ = 0.001",
}
_MEANINGS = {
    "a": "N* grows as C^a",
    "b": "D* grows as C^b",
    "gamma": "L* - E falls as C^-gamma",
}
_METHODS = {"approach2": "Approach 2", "three_point": "three sizes"}


def isoflop_json(analysis: Analysis) -> dict[str, Any]:
    """Return everything for scripts; of a file with one design its keys also at the top."""
    designs = {each.name: _design_json(each) for each in analysis.designs}
    only = next(iter(designs.values())) if len(designs) == 1 else {}
    return {
        "input": _reading_json(analysis.reading),
        **only,
        "designs": designs,
        "differences": [_difference_json(each) for each in analysis.differences],
        "slopes": _slopes(analysis),
        "compared": compared_json(analysis.compared) if analysis.compared else None,
    }


def isoflop_text(analysis: Analysis) -> str:
    """Return the report for people."""
    fit = analysis.designs[0].fit
    lines = [
        *_reading_lines(analysis.reading),
        "",
        f"L(N, D) = E + A/N^alpha + B/D^beta by {_OBJECTIVES[fit.objective]}; 95 % intervals from "
        f"{len(fit.resampled_SP):,} resamples of the runs",
    ]
    for design in analysis.designs:
        lines += ["", *_design_lines(design)]
    if analysis.differences:
        lines += ["", *_difference_lines(analysis), *_slope_lines(analysis)]
    if analysis.compared:
        lines += ["", *compared_lines(analysis.compared)]
    return "\n".join(lines) + "\n"


def _reading_json(reading: Reading) -> dict[str, Any]:
    return {
        "rows": reading.rows,
        "selected": reading.selected,
        "outliers": reading.outliers,
        "duplicates": reading.duplicates,
        "columns": {
            "used": reading.columns.used,
            "without_effect": list(reading.columns.without_effect),
            "ignored": list(reading.columns.ignored),
        },
        "derived": list(reading.derived),
    }


def _design_json(design: DesignFit) -> dict[str, Any]:
    fit = design.fit
    return {
        "design": design.name,
        "runs": len(fit.runs),
        "objective": fit.objective,
        "resamples": len(fit.resampled_SP),
        **{name: estimate_json(value) for name, value in fit.estimates.items()},
        "deviation": fit.deviation,
        "lack_of_fit": None if design.lack_of_fit is None else asdict(design.lack_of_fit),
        "flops_per_token_parameter": fit.runs.flops_per_token_parameter,
        "optima": [
            {
                "flops": each.flops,
                "params": estimate_json(each.params),
                "tokens": estimate_json(each.tokens),
                "loss": estimate_json(each.loss),
                "extrapolation": each.extrapolation,
            }
            for each in design.optima
        ],
        **{each.method: _parabolas_json(each) for each in design.parabolas},
        "warnings": design.warnings,
    }


def _parabolas_json(found: Parabolas) -> dict[str, Any]:
    return {
        "a": found.a,
        "q": found.q,
        "m": found.m,
        "curves": [
            {
                "flops": curve.flops,
                "runs": curve.runs,
                "params": curve.params,
                "loss": curve.loss,
                "used": curve.used,
                "edge": curve.edge or None,
            }
            for curve in found.curves
        ],
    }


def _difference_json(found: Difference) -> dict[str, Any]:
    return {
        "first": found.first,
        "second": found.second,
        "quantity": found.quantity,
        **estimate_json(found.value),
        "significant": found.significant,
    }


def _slopes(analysis: Analysis) -> list[dict[str, Any]]:
    """Return Δq, Δm and q/q - 1 against the reference, as AIRA-Compose reports them."""
    name = analysis.compared.reference if analysis.compared else analysis.designs[0].name
    reference = next(each for each in analysis.designs if each.name == name)
    others = [each for each in analysis.designs if each is not reference]
    found = []
    for other in others:
        for mine, base in zip(other.parabolas, reference.parabolas, strict=False):
            if mine.q is None or base.q is None or mine.m is None or base.m is None:
                continue
            found.append(
                {
                    "method": mine.method,
                    "design": other.name,
                    "reference": reference.name,
                    "delta_q": mine.q - base.q,
                    "delta_m": mine.m - base.m,
                    "relative_q": mine.q / base.q - 1,
                }
            )
    return found


def _reading_lines(reading: Reading) -> list[str]:
    columns = reading.columns
    runs = sum(map(len, reading.designs))
    used = ", ".join(
        name if name == role else f"{name} ({role})" for name, role in columns.used.items()
    )
    lines = [
        f"{plural(reading.rows, 'row')}: {plural(runs, 'run')} of "
        f"{plural(len(reading.designs), 'design')}"
    ]
    if reading.selected < reading.rows:
        lines.append(f"left out by --where: {reading.rows - reading.selected:,}")
    if reading.outliers:
        lines.append(f"left out as marked outliers: {reading.outliers:,}")
    if reading.duplicates:
        lines.append(f"runs that repeat another one exactly: {reading.duplicates:,}")
    lines.append(f"columns used: {used}")
    if columns.without_effect:
        lines.append(f"columns without effect: {', '.join(columns.without_effect)}")
    if columns.ignored:
        lines.append(f"columns ignored on request: {', '.join(columns.ignored)}")
    return [*lines, *reading.derived]


def _design_lines(design: DesignFit) -> list[str]:
    fit = design.fit
    lines = [
        f"{design.name}: {plural(len(fit.runs), 'run')}, residuals {fit.deviation:.4f} nats, "
        f"FLOPs = {fit.runs.flops_per_token_parameter:.3g}·N·D"
    ]
    for name, estimate in fit.estimates.items():
        text = f"  {name:<7}{_shown(estimate):<28}{_MEANINGS.get(name, '')}"
        lines.append(text.rstrip())
    if design.parabolas:
        said = ", ".join(f"{_METHODS[p.method]} {_number(p.a)}" for p in design.parabolas)
        lines.append(f"  a by parabolas: {said}")
    if design.optima:
        lines += ["", *_optimum_lines(design)]
    return [*lines, *(f"  warning: {each}" for each in design.warnings)]


def _optimum_lines(design: DesignFit) -> list[str]:
    by_budget = [{curve.flops: curve for curve in each.curves} for each in design.parabolas]
    heads = "".join(f"{'N* ' + _METHODS[each.method]:>18}" for each in design.parabolas)
    lines = [f"  {'FLOPs':>9}  {'N*':<24}{'D*':<24}{'loss':<24}{heads}".rstrip()]
    for each in design.optima:
        row = f"  {each.flops:>9.3g}  {_large(each.params):<24}{_large(each.tokens):<24}"
        row += f"{_shown(each.loss):<24}"
        for curves in by_budget:
            curve = curves.get(each.flops)
            cell = "" if curve is None or curve.params is None else _count(curve.params)
            row += f"{cell + ('!' if curve is not None and curve.edge else ''):>18}"
        lines.append((row + _extrapolated(each)).rstrip())
    if any(curve.edge for each in design.parabolas for curve in each.curves):
        lines.append("  !: optimum at the edge of the sizes, outside of them, or none")
    return lines


def _extrapolated(found: Optimum) -> str:
    if found.extrapolation <= 1.1:
        return ""
    return f"  extrapolated: {found.extrapolation:.3g} times the largest run"


def _difference_lines(analysis: Analysis) -> list[str]:
    lines = ["differences, each with its own 95 % interval:"]
    for each in analysis.differences:
        value, low, high = each.value
        said = "significant" if each.significant else "not significantly different"
        lines.append(
            f"  {each.quantity:<7}{each.first} - {each.second}: {value:+.4f} "
            f"({low:+.4f} to {high:+.4f})  {said}"
        )
    return lines


def _slope_lines(analysis: Analysis) -> list[str]:
    slopes = _slopes(analysis)
    if not slopes:
        return []
    lines = ["", "slope q and intercept m of the lowest loss against log10 N*, without intervals:"]
    for each in slopes:
        lines.append(
            f"  {_METHODS[each['method']]:<12}{each['design']} against {each['reference']}: "
            f"Δq {each['delta_q']:+.3f}, Δm {each['delta_m']:+.2f}, "
            f"slope {each['relative_q']:+.0%}"
        )
    return lines


def _shown(found: Estimate) -> str:
    form = ".4f" if 0.01 <= found[0] < 100 else ".4g"
    value, low, high = (f"{each:{form}}" for each in found)
    return f"{value} ({low}-{high})"


def _large(found: Estimate) -> str:
    value, low, high = map(_count, found)
    return f"{value} ({low}-{high})"


def _count(value: float) -> str:
    return humanized(value) if 1 <= value < 1e18 else f"{value:.3g}"


def _number(value: float | None) -> str:
    return "none" if value is None else f"{value:.4f}"
