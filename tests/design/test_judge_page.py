"""The page about the judge lists exactly the verdicts that are tested."""

from pathlib import Path

from tests.design.cases import CASES, Case

PAGE = Path(__file__).parent.parent.parent / "docs" / "judge.md"


def table() -> str:
    rows = [f"| {case.name} | `{case.status}` | {rule(case)} |" for case in CASES]
    return "\n".join(["| candidate | status | rule |", "| --- | --- | --- |", *rows])


def rule(case: Case) -> str:
    """Return the rule that a candidate breaks."""
    return case.reason.split(":")[0] if case.status in ("refused", "diverged", "invalid") else ""


def test_the_page_lists_every_case():
    text = PAGE.read_text(encoding="utf-8")
    shown = text.split("<!-- verdicts -->\n")[1].split("\n<!-- /verdicts -->")[0]
    assert shown == table()
