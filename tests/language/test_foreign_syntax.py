"""Every record of another notation is recognized, and its edit gives what it promises."""

import pytest

from aira_dsl.language import check
from aira_dsl.language.diagnostics.foreign_syntax import notations
from tests.language.fixes import applied

BASE = "architecture base {\n  block A = attention\n  layers A\n}\n"


def text_of(line: str) -> str:
    """Put one line into an architecture that is right otherwise."""
    header, lines = "architecture m {", [line]
    if line.startswith("architecture"):
        header, lines = line, []
    key = line.split(maxsplit=1)[0]
    if not line.startswith("block A"):
        lines.insert(0, "block A = attention")
    if not line.startswith(("block M", "M ")):
        lines.insert(0, "block M = mlp")
    if key != "layers":
        lines.append("layers 2×(2A-M)")
    return "\n  ".join([header, *lines]) + "\n}\n"


@pytest.mark.parametrize("notation", notations(), ids=lambda each: f"{each.where}: {each.wrong}")
def test_an_example_is_recognized_and_put_right(notation, tmp_path):
    (tmp_path / "base.arch").write_text(BASE, encoding="utf-8")
    text = text_of(notation.wrong)
    found = [each for each in check(text) if each.severity == "error"]
    assert notation.help in [each.help for each in found]
    hinted = next(each for each in found if each.help == notation.help)
    if notation.right is None:
        assert hinted.fix is None
        return
    fixed = applied(hinted, text)
    assert fixed == text.replace(notation.wrong, notation.right)
    left = check(fixed, file=tmp_path / "m.arch")
    assert [each for each in left if each.severity == "error"] == []
