"""Diagnostics: how they are drawn and sent, and one for each cause. The corpus has the texts."""

import json

import pytest

from aira_dsl import language
from aira_dsl.language import ArchitectureError, Diagnostic, parse, render_all
from aira_dsl.language.diagnostics.diagnostic import SHOWN
from aira_dsl.language.diagnostics.snippet import cut

GOOD = """\
# a comment
architecture model {
  width 128
  block A  = attention { heads 16, kv_heads 16, rope 10_000 }
  block M  = mlp       { hidden 258, activation relu }
  block Mb = mamba2    { inner 160, state 4, head_dim 32, conv 4 }
  layers 5×(2A-M)-A
}
"""


def check(text, **kwargs):
    """Errors only: GOOD has a block that no layer uses, which is a warning."""
    return [each for each in language.check(text, **kwargs) if each.severity == "error"]


def edit(*pairs):
    text = GOOD
    for old, new in pairs:
        assert old in text
        text = text.replace(old, new, 1)
    return text


def one(old, new):
    return edit((old, new))


def test_space_where_an_architecture_is_needed(snapshot):
    text = edit(("architecture", "space"), ("layers 5×(2A-M)-A", "slots 16"))
    assert check(text) == []
    with pytest.raises(ArchitectureError) as caught:
        parse(text, filename="model.arch")
    assert caught.value.code == "E0217"
    assert str(caught.value) == snapshot


def test_independent_mistakes_are_reported_together():
    text = edit(
        ("width 128", "width 128\n  vocab many\n  context = 4\n  colour 3"),
        ("heads 16,", "haeds 16,"),
        ("kv_heads 16", "kv_heads 0"),
        ("hidden 258", "hidden $"),
        ("conv 4", "conv 4, conv 5"),
        ("M)-A", "M)-Q-0A"),
    )
    codes = [each.code for each in check(text)]
    assert " ".join(codes) == "E0210 E0101 E0202 E0203 E0210 E0103 E0208 E0205 E0213"


@pytest.mark.parametrize(
    "text",
    [
        one("width 128", "widht 120"),  # so the width is unknown: heads are not checked against it
        one("block M  = mlp", "block M  = mpl"),  # M is meant to be a block
        one("block M  = mlp", "blok M  = mlp"),
        one("block M  = mlp", "block M  : mlp"),
        one("block M  = mlp", "block = mlp"),
        one("layers", "layer"),
        one("layers ", "layers = "),
        one("layers", "leyers $"),
    ],
)
def test_one_mistake_is_reported_once(text):
    assert len(check(text)) == 1


def test_json_has_stable_keys():
    (found,) = check(one("heads 16", "haeds 16"), filename="m.arch")
    assert json.loads(json.dumps(found.as_json())) == {
        "code": "E0203",
        "severity": "error",
        "message": "unknown parameter `haeds` for attention",
        "filename": "m.arch",
        "line": 4,
        "column": 26,
        "end_line": 4,
        "end_column": 31,
        "help": "did you mean `heads`?",
        "fix": {"line": 4, "column": 26, "end_line": 4, "end_column": 31, "text": "heads"},
    }


def test_github_annotation_is_escaped():
    found = Diagnostic("E0101", "50%\nmore", "a,b:c.arch", 1, 2, 1, 3)
    assert found.github() == "::error file=a%2Cb%3Ac.arch,line=1,col=2::[E0101] 50%25%0Amore"


def test_color_changes_nothing_but_color():
    (found,) = check(one("heads 16", "haeds 16"))
    plain, colored = found.render(GOOD), found.render(GOOD, color=True)
    assert colored != plain
    import re

    assert re.sub(r"\033\[[0-9;]*m", "", colored) == plain


def test_columns_count_code_points_and_carets_follow_the_terminal():
    text = "architecture x {\n\tblock A = mlp; layers A-Q # 漢字\n}"
    (found,) = check(text)
    assert (found.line, found.column) == (2, 26)
    line, caret = found.render(text).split("\n")[3:5]
    assert line.index("Q") == caret.index("^")
    wide = Diagnostic("E0103", "here", "x", 1, 4, 1, 5)
    assert wide.render("漢字 Q").split("\n")[4].index("^") - len(" 1 | ") == 5


def test_long_lines_are_cut_around_the_caret():
    text = f"architecture x {{ block A = mlp; layers {'A-' * 2000}Q-{'A-' * 1000}A }}"
    (found,) = check(text)
    for width in (40, 80, 100, 200):
        line, caret = found.render(text, width=width).split("\n")[3:5]
        assert len(line) <= width
        assert line[caret.index("^")] == "Q"


@pytest.mark.parametrize("line", ["", "x", "x" * 500, "\t" * 300, "漢" * 300])
@pytest.mark.parametrize("width", [20, 80])
def test_cut_never_exceeds_the_width(line, width):
    for start in range(0, len(line) + 1, 7):
        shown, offset, length = cut(line, start, start + 1, width)
        drawn = sum(1 + (character == "漢") for character in shown)
        assert drawn <= width
        assert length >= 1
        assert offset <= drawn


def test_message_of_the_error_is_what_a_person_reads():
    text = one("M)-A", "M)-Q")
    with pytest.raises(ArchitectureError) as caught:
        parse(text, filename="m.arch")
    assert str(caught.value) == render_all(check(text, filename="m.arch"), text)
    assert caught.value.exit_code == 1
    assert SHOWN == 20


def test_what_was_read_before_makes_no_difference():
    """To Python `1`, `1.0` and `true` are equal, so a careless cache takes one for the other."""
    for values in (("1", "true"), ("true", "1")):
        found = [check(one("heads 16, kv_heads 16", f"heads {each}")) for each in values]
        assert [bool(each) for each in found] == [each == "true" for each in values]


def test_a_wrong_value_is_blamed_once_for_two_broken_rules():
    text = one("M)-A", "M)-A\n  layer 1 { heads 5 }")
    (found,) = check(text)
    assert (found.line, found.help) == (8, "use heads 16, or give head_dim")


def test_scales_stand_behind_their_architecture():
    """The first section is the one that everything else is about."""
    (found,) = check("scale big { width 256 }\n" + GOOD)
    assert (found.code, found.line) == ("E0216", 1)
