"""Templates filled in: the only place that makes markup."""

import hashlib
import json
from base64 import b64encode
from dataclasses import asdict
from functools import cache
from typing import Any

import jinja2

from aira_dsl.design.run import DesignRun
from aira_dsl.experiments.comparison import Comparison, DesignComparison
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.conclusions import of_comparison
from aira_dsl.report.html.agent_trace import steps
from aira_dsl.report.html.chart import NARROW, WIDE
from aira_dsl.report.html.comparison_plots import finals, race
from aira_dsl.report.html.curve import LETTERS, Curve, curve, tree
from aira_dsl.report.html.design_facts import against_baseline, design_facts
from aira_dsl.report.html.design_methods import overall_sheet, task_part
from aira_dsl.report.html.design_parts import best_diff, design_files, trial_diffs
from aira_dsl.report.html.methods import (
    curve_sheet,
    entropy_sheet,
    method_sheet,
    pair_sheet,
    run_sheet,
)
from aira_dsl.report.html.run_facts import RunFacts
from aira_dsl.report.html.search_facts import search_facts
from aira_dsl.report.html.shades import Shade, around_the_baseline, near_the_best
from aira_dsl.report.html.text import Attachment, as_sentence, shown
from aira_dsl.report.html.trials import design_columns, search_columns, trial_files, trial_sheet
from aira_dsl.report.measurements import fact_label, fact_text
from aira_dsl.study.run import Run, RunOf
from aira_dsl.study.selection import rank
from aira_dsl.utils.formatting import duration, humanized, listed
from aira_dsl.version import __version__

VIEWS = {"wide": WIDE, "narrow": NARROW}
"""The two sizes of every picture; the style sheet shows one (`view-wide`, `view-narrow`)."""


def render_run(run: Run) -> str:
    """Return the page of a run: HTML that needs nothing else, the same bytes for the same run."""
    found, rows = search_facts(run), finished(run)
    return fill(
        "run.html",
        facts=found,
        diffs={},
        notes={},
        curves=_curves(run, found, near_the_best(found)),
        tree=tree(run, found),
        steps=steps(rows, sign=run.direction.sign),
        letters=LETTERS,
        sheet=trial_sheet(rank(rows, run.direction), rows, search_columns(rows, found)),
        files=(*trial_files(run.rows), _numbers(found)),
    )


def render_design(run: DesignRun) -> str:
    """Return the page of a design run; as for `render_run`."""
    found, rows = design_facts(run), finished(run)
    return fill(
        "design.html",
        facts=found,
        diffs=trial_diffs(run, rows),
        notes={row.number: against_baseline(row, found) for row in rows},
        best_diff=best_diff(run),
        curves=_curves(run, found, around_the_baseline(found)),
        tree=tree(run, found),
        steps=steps(rows, sign=run.direction.sign),
        letters=LETTERS,
        sheet=trial_sheet(rank(rows, run.direction), rows, design_columns(rows)),
        files=(*trial_files(run.rows), *design_files(run), _numbers(found)),
    )


def _curves(run: RunOf[Any], found: RunFacts[Any], shade: Shade | None) -> dict[str, Curve | None]:
    return {view: curve(run, found, shade, width) for view, width in VIEWS.items()}


def _numbers(found: RunFacts[Any]) -> Attachment:
    told = json.dumps(asdict(found), indent=1, ensure_ascii=False) + "\n"
    return Attachment("report.json", "application/json", told)


def render_comparison(found: Comparison) -> str:
    """Return the page of a comparison: HTML that needs nothing else."""
    drawn = of_comparison(found)
    told = found.model_dump_json(indent=1) + "\n"
    return fill(
        "comparison.html",
        found=found,
        may=[as_sentence(each) for each in drawn if each.kind == "better"],
        may_not=[as_sentence(each) for each in drawn if each.kind != "better"],
        races={view: race(found, width) for view, width in VIEWS.items()},
        finals={view: finals(found, width) for view, width in VIEWS.items()},
        pairs=pair_sheet(found),
        sheets=(method_sheet(found), entropy_sheet(found), run_sheet(found)),
        files=(
            *curve_sheet(found).files,
            Attachment("comparison.json", "application/json", told),
        ),
    )


def render_design_comparison(found: DesignComparison) -> str:
    """Return the page of a comparison on tasks; as for `render_comparison`."""
    told = found.model_dump_json(indent=1) + "\n"
    return fill(
        "design_comparison.html",
        found=found,
        overall=overall_sheet(found),
        tasks=[task_part(name, each) for name, each in found.tasks.items()],
        files=(Attachment("comparison.json", "application/json", told),),
    )


def fill(template: str, **values: Any) -> str:
    """Fill in a template."""
    environment = _environment()
    source = environment.loader.get_source(environment, "sort.js")[0]  # type: ignore[union-attr]
    # Only this script runs on the page, whatever else finds its way into it.
    allowed = b64encode(hashlib.sha256(source.encode()).digest()).decode()
    return environment.get_template(template).render(
        **values, script_hash=allowed, version=__version__
    )


@cache
def _environment() -> jinja2.Environment:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("aira_dsl.report.html"),
        autoescape=True,
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters.update(
        shown=shown,
        duration=duration,
        humanized=humanized,
        listed=listed,
        fact_label=fact_label,
        fact_text=fact_text,
    )
    return environment
