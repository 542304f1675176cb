"""errors.toml explains every code, its examples are true, and the documentation lists the same."""

import json
import re
from pathlib import Path

import pytest
from aira_dsl.cli import app
from typer.testing import CliRunner

from aira_dsl.error_codes import FAMILIES, error_codes, find_code
from aira_dsl.errors import UsageError
from aira_dsl.language import check

ROOT = Path(__file__).parent.parent
ALL = list(error_codes().values())
# About a flag or a command; or, E0106, too long to print.
WITHOUT_EXAMPLE = {"E0106", "E0217", "E0225"}


def explain(*arguments: str) -> str:
    done = CliRunner().invoke(app, ["explain", *arguments], catch_exceptions=False)
    assert done.exit_code == 0
    return done.stdout


@pytest.mark.parametrize("found", [e for e in ALL if e.failing], ids=lambda found: found.code)
def test_examples_fail_and_are_fixed(found):
    filename = f"example.{found.form}"
    assert {each.code for each in check(found.failing, filename=filename)} == {found.code}
    assert check(found.fixed, filename=filename) == []


def test_every_code_of_a_text_has_a_reason_and_an_example():
    of_texts = [each for each in ALL if each.code[:3] in {"E01", "E02", "W02"}]
    assert {each.code for each in of_texts if not each.failing} == WITHOUT_EXAMPLE
    assert all(each.why for each in of_texts)


def test_codes_are_sorted_within_their_families():
    families = list(FAMILIES)
    assert [each.code for each in ALL] == sorted(
        error_codes(), key=lambda code: (families.index(code[:3]), code)
    )


def test_every_code_that_can_be_raised_is_explained_and_nothing_else():
    sources = [*(ROOT / "aira_dsl").rglob("*.py"), *(ROOT / "cli").rglob("*.py")]
    texts = [path.read_text(encoding="utf-8") for path in sources]
    assert {code for text in texts for code in re.findall(r'"([EW][01]\d{3})"', text)} == set(
        error_codes()
    )


def test_codes_that_were_replaced_lead_to_their_successors():
    replaced = [(old, each) for each in ALL for old in each.formerly]
    assert replaced
    for old, each in replaced:
        assert old not in error_codes()
        assert find_code(old) is each


def test_the_page_of_codes_is_what_the_command_prints():
    page = (ROOT / "docs/codes.md").read_text(encoding="utf-8")
    assert page == explain("--format", "markdown")
    assert all(f"| {each.code} | {each.rule} |" in page for each in ALL)


def test_the_command_explains_one_code_or_lists_all():
    shown = explain("e0211")
    for part in ("E0211: dimensions", "Heads divide the width", "^^", "heads 16"):
        assert part in shown
    assert json.loads(explain("E0211", "--format", "json"))["code"] == "E0211"
    assert len(json.loads(explain("--format", "json"))) == len(ALL)
    listed = explain()
    assert all(each.code in listed for each in ALL)


def test_the_nearest_code_is_suggested_for_an_unknown_one():
    with pytest.raises(UsageError, match="unknown code 'E0299'") as caught:
        explain("E0299")
    assert caught.value.code == "E0905"
    assert caught.value.help == "did you mean E0301?"
    with pytest.raises(UsageError, match="unknown code 'nonsense'"):
        explain("nonsense")
