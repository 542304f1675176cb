"""The page of an isoFLOP grid, or of a file of runs."""

import json
from base64 import b64encode

from aira_dsl.report.html.files import Report
from aira_dsl.report.html.isoflop_sheets import (
    csv_sheet,
    design_sheet,
    frontier_sheet,
    latency_sheet,
    loss_sheet,
    slope_sheet,
)
from aira_dsl.report.html.rendering import fill
from aira_dsl.report.html.text import Attachment, clean
from aira_dsl.report.isoflop_figures import frontier, isoflop_curves, latency_curves
from aira_dsl.report.isoflop_report import (
    IsoflopReport,
    claim_sentences,
    limits,
    may_conclude,
    may_not_conclude,
)
from aira_dsl.report.terminal.isoflop import isoflop_json


def isoflop_page(found: IsoflopReport) -> Report:
    """Return the page of a grid with its numbers."""
    facts = isoflop_json(found.analysis)
    numbers = json.dumps(facts, indent=1, ensure_ascii=False) + "\n"
    plan = found.plan.model_dump_json(indent=1) + "\n" if found.plan else ""
    compared = found.analysis.compared
    sheets = [design_sheet(found.analysis)]
    if compared is not None:
        sheets = [frontier_sheet(compared), slope_sheet(compared), loss_sheet(compared), *sheets]
    latencies = compared.latencies if compared is not None else []
    if compared is not None and latencies:
        sheets.insert(1, latency_sheet(compared))
    tuning = csv_sheet("Learning rates", found.tuning, "tuning")
    runs = csv_sheet("Runs", found.table, "runs")
    page = fill(
        "isoflop.html",
        found=found,
        name=clean(found.name),
        designs=[clean(each.name) for each in found.analysis.designs],
        budgets=sorted({o.flops for each in found.analysis.designs for o in each.optima}),
        compared=compared,
        may=[clean(each) for each in may_conclude(found)],
        may_not=[clean(each) for each in may_not_conclude(found)],
        claims=[clean(each) for each in claim_sentences(compared)] if compared else [],
        warnings=[clean(each) for each in limits(found)],
        curves=_address(isoflop_curves(found.analysis)),
        frontier=_address(frontier(found.analysis)),
        latency=_address(latency_curves(latencies)) if latencies else "",
        sheets=[*sheets, *(each for each in (tuning, runs) if each is not None)],
        files=(
            Attachment("fit.json", "application/json", numbers),
            *([Attachment("plan.json", "application/json", plan)] if plan else []),
        ),
    )
    return Report(page, facts)


def _address(picture: bytes) -> str:
    return f"data:image/png;base64,{b64encode(picture).decode()}"
