"""Diagnostics with their edits, and with the place in the file that is at fault."""

from pathlib import Path

import pytest

from aira_dsl.lsp.diagnostics import Problem, problems
from aira_dsl.lsp.renaming import apply
from aira_dsl.lsp.scope import Source
from tests.lsp.texts import at


def one(text: str, path: Path | None = None) -> Problem:
    (found,) = problems(Source(text, path))
    return found


@pytest.mark.parametrize(
    ("text", "word"),
    [
        ("architecture x { # 漢😀\n widht 3; block A = mlp; layers A }", "widht"),
        ("architecture x { block A = mpl; layers A }", "mpl"),
        ("architecture x { block A = mlp { activaton gelu }; layers A }", "activaton"),
        ("architecture x { width: 3; block A = mlp; layers A }", ":"),
    ],
)
def test_the_edit_removes_the_problem(text: str, word: str) -> None:
    first = problems(Source(text, None))[0]
    assert text[first.start : first.end] == word
    assert first.fix is not None
    after = apply(text, [first.fix])
    assert first.diagnostic.code not in {
        each.diagnostic.code for each in problems(Source(after, None))
    }


def test_an_error_of_the_extended_file_leads_there(tmp_path: Path) -> None:
    base = "architecture b {\n  widht 3\n  block A = mlp\n  layers A\n}"
    (tmp_path / "base.arch").write_text(base, encoding="utf-8")
    source, offset = at('architecture x { extends |"base.arch" }', tmp_path / "x.arch")
    (found,) = problems(source)
    assert (found.start <= offset < found.end, found.diagnostic.code) == (True, "E0309")
    assert found.cause is not None
    place, message = found.cause
    assert place.path == tmp_path / "base.arch"
    assert base[place.start : place.end] == "widht"
    assert "widht" in message


def test_warnings_are_problems_too() -> None:
    found = one("architecture x { block A = attention; block B = mlp; layers A }")
    assert (found.diagnostic.severity, found.diagnostic.code) == ("warning", "W0201")
