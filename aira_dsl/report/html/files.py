"""The files of a report: the page, and its numbers beside it."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from aira_dsl.design.run import DesignRun, read_any_run
from aira_dsl.errors import InputError
from aira_dsl.experiments.comparison import DesignComparison, read_any_comparison
from aira_dsl.experiments.comparison.record import FILE
from aira_dsl.report.html.design_facts import design_facts
from aira_dsl.report.html.rendering import (
    render_comparison,
    render_design,
    render_design_comparison,
    render_run,
)
from aira_dsl.report.html.search_facts import search_facts
from aira_dsl.utils.files import write_text


@dataclass(frozen=True)
class Report:
    """A page and its numbers.

    Attributes:
        page: the HTML.
        facts: the numbers, as JSON holds them.
    """

    page: str
    facts: dict[str, Any]


def report_of(folder: Path) -> Report:
    """Read a run folder or a comparison's, and make its report.

    Raises:
        InputError: E0811 or E0821, if it is neither, or damaged.
    """
    if (folder / FILE).exists():
        comparison = read_any_comparison(folder)
        if isinstance(comparison, DesignComparison):
            page = render_design_comparison(comparison)
            return Report(page, comparison.model_dump(mode="json"))
        return Report(render_comparison(comparison), comparison.model_dump(mode="json"))
    run = read_any_run(folder)
    if isinstance(run, DesignRun):
        return Report(render_design(run), asdict(design_facts(run)))
    return Report(render_run(run), asdict(search_facts(run)))


def write_report(report: Report, out: Path, *, force: bool = False) -> dict[Path, str]:
    """Write the page, and its numbers under the same name with `.json`.

    Returns:
        What became of each file: `written` or `unchanged`.

    Raises:
        InputError: E0503, if something else is there and `force` is not given, or if the name of
            the page ends in `.json`.
        RunError: E0904, if a file cannot be written.
    """
    beside = out.with_suffix(".json")
    if beside == out:
        raise InputError(
            "E0503",
            f"{out} is the name of the numbers, which are next to the page",
            help="give --out a name that ends in .html",
        )
    told = json.dumps(report.facts, indent=1, ensure_ascii=False) + "\n"
    return {
        out: write_text(out, report.page, force=force),
        beside: write_text(beside, told, force=force),
    }
