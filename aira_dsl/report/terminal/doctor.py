"""What `doctor` found, as a table for people and as JSON."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import TYPE_CHECKING

from aira_dsl.doctor.check import Finding
from aira_dsl.version import __version__

if TYPE_CHECKING:
    from rich.console import RenderableType

_STYLES = {"ok": "green", "missing": "yellow", "broken": "red", "info": ""}


def doctor_json_text(findings: Sequence[Finding]) -> str:
    """Return all findings as JSON; `ok` tells whether everything needed works."""
    report = {
        "version": __version__,
        "ok": not any(finding.fails for finding in findings),
        "checks": [asdict(finding) for finding in findings],
    }
    return json.dumps(report, indent=2)


def doctor_lines(findings: Sequence[Finding]) -> str:
    """Return the findings as lines, for where rich may be broken."""
    lines = [f"{each.state:8} {each.name:18} {each.found}" for each in findings]
    advice = [f"  {each.name}: {each.advice}" for each in _to_do(findings)]
    return "\n".join([*lines, *advice, _summary(findings)])


def doctor_table(findings: Sequence[Finding]) -> "RenderableType":
    """Return the table, what to do, and a sentence that sums up."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [_table(findings)]
    if advice := _to_do(findings):
        parts += [Text("\nto do, where you need it:"), _advice(advice)]
    return Group(*parts, Text(f"\n{_summary(findings)}"))


def _table(findings: Sequence[Finding]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table(box=None, pad_edge=False)
    for heading in ("", "part", "found", "needed for"):
        table.add_column(heading, justify="left", overflow="fold")
    for each in findings:
        state = Text("" if each.state == "info" else each.state, style=_STYLES[each.state])
        table.add_row(state, *map(Text, (each.name, each.found, each.needed_for)))
    return table


def _advice(findings: Sequence[Finding]) -> "RenderableType":
    from rich.table import Table
    from rich.text import Text

    table = Table.grid(padding=(0, 2), pad_edge=True)
    for each in findings:
        table.add_row(*map(Text, (each.name, each.advice)))
    return table


def _to_do(findings: Sequence[Finding]) -> list[Finding]:
    return [each for each in findings if each.advice and each.state != "ok"]


def _summary(findings: Sequence[Finding]) -> str:
    failing = [each.name for each in findings if each.fails]
    if failing:
        return f"needed, and not usable: {', '.join(failing)}"
    optional = sum(each.state in ("missing", "broken") for each in findings)
    return f"everything needed works; optional parts that are not there: {optional}"
