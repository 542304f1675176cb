"""`aira-dsl explain`: every code is explained, and its examples do what they say."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from aira_dsl.errors import UsageError
from aira_dsl.language import CODES, check
from aira_dsl.report.explanations import explain, explanations

ROOT = Path(__file__).parent.parent
ALL = explanations()
# About a flag or a command; or, E0106, too long to print.
WITHOUT_EXAMPLE = {"E0106", "E0217", "E0225"}


def run(*arguments):
    return subprocess.run(
        [sys.executable, "-m", "aira_dsl", "explain", *arguments],
        capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.mark.parametrize("found", [e for e in ALL if e.failing], ids=lambda found: found.code)
def test_examples_fail_and_are_fixed(found):
    filename = f"example.{found.form}"
    assert {each.code for each in check(found.failing, filename=filename)} == {found.code}
    assert check(found.fixed, filename=filename) == []


def test_every_code_of_a_text_has_an_example():
    without = {each.code for each in ALL if each.code < "E03" and not each.failing}
    assert without == WITHOUT_EXAMPLE
    assert all(each.why for each in ALL if each.code in CODES)


def test_the_page_of_errors_lists_the_same():
    page = (ROOT / "docs" / "errors.md").read_text()
    rows = re.findall(r"^\| ([EW]\d{4}) \| (.*) \|$", page, re.MULTILINE)
    assert dict(rows) == {each.code: each.rule for each in ALL}
    assert len(rows) == len(ALL)


def test_command():
    shown = run("e0211")
    assert shown.returncode == 0
    for part in ("E0211: dimensions", "Heads divide the width", "^^", "heads 16"):
        assert part in shown.stdout
    assert json.loads(run("E0211", "--format", "json").stdout)["code"] == "E0211"
    assert len(json.loads(run("--format", "json").stdout)) == len(ALL)
    listed = run().stdout
    assert all(each.code in listed for each in ALL)


def test_unknown_codes_are_met_with_the_nearest():
    with pytest.raises(UsageError, match="no code 'E0299'") as caught:
        explain("E0299")
    assert caught.value.code == "E0905"
    assert caught.value.help.startswith("did you mean E02")
    assert run("nonsense").returncode == 2
