"""Every diagnostic as a person sees it (snapshots), one cause at a time."""

import json

import pytest

from aira_dsl import language
from aira_dsl.language import CODES, ArchitectureError, Diagnostic, parse, render_all
from aira_dsl.language.diagnostics import SHOWN
from aira_dsl.language.snippet import cut

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


CASES = {
    "E0101 missing comma": one("16, kv", "16 kv"),
    "E0101 equals sign": one("width 128", "width = 128"),
    "E0101 negative": one("width 128", "width -128"),
    "E0101 two separators": one("M)-A", "M)--A"),
    "E0101 separator at the end": one("M)-A", "M)-A-"),
    "E0101 count without a block": one("M)-A", "M)-3"),
    "E0101 definition without equals": one("M  = mlp", "M mlp"),
    "E0101 definition without a kind": one("= mlp       {", "= {"),
    "E0101 dash in a name": one("model {", "my-model {"),
    "E0101 header cut off": "architecture model",
    "E0101 no header": "{ width 128 }",
    "E0101 statements without a section": "width 128\nblock A = attention { heads 16 }\nlayers A\n",
    "E0101 two statements on a line": one("width 128\n", "width 128"),
    "E0102 group": one("M)-A", "M-A"),
    "E0102 parameters": one("relu }", "relu"),
    "E0102 section": GOOD.rstrip().removesuffix("}"),
    "E0103 colon": one("width 128", "width: 128"),
    "E0103 dash lookalike": one("M)-A", "M)–A"),
    "E0101 quotes": one(" relu ", ' "relu" '),
    "E0103 single quotes": one(" relu ", " 'relu' "),
    "E0103 no-break space": one("width 128", "width\u00a0128"),
    "E0104 null byte": one("# a", "# \0a"),
    "E0104 escape": one("# a", "# \x1b[31ma"),
    "E0105 nesting": one("5×(", "(" * 70),
    "E0106 length": "# " + "x" * (1 << 20),
    "E0107 empty": "",
    "E0107 comments only": "# nothing\n\n# here\n",
    "E0108 text behind": GOOD + "\nlayers 2A\n",
    "E0224 second section": GOOD + "\n" + GOOD,
    "E0108 extra brace": GOOD + "}\n",
    "E0201 typo": one("architecture", "architcture"),
    "E0201 other word": one("architecture", "network"),
    "E0202 layers": one("layers", "layer"),
    "E0202 width": one("width", "widht"),
    "E0202 block": one("block M", "blok M"),
    "E0202 other word": one("width", "dropout"),
    "E0202 block without a kind": one(
        "block M  = mlp       { hidden 258, activation relu }", "block M"
    ),
    "E0203 typo": one("heads 16", "haeds 16"),
    "E0203 other word": one("heads 16", "dropout 16"),
    "E0204 typo": one("attention", "atention"),
    "E0204 abbreviation": one("attention", "attn"),
    "E0204 other word": one("attention", "convolution"),
    "E0205 typo": one("M)-A", "M)-Mc"),
    "E0205 other name": one("M)-A", "M)-Conv"),
    "E0205 letter for the sign": one("5×(", "5x("),
    "E0206 setting": one("width 128", "width 128\n  width 256"),
    "E0207 block": one("block M ", "block A "),
    "E0208 parameter": one("kv_heads 16", "heads 8"),
    "E0209 layers": one("  layers 5×(2A-M)-A\n", ""),
    "E0209 blocks": "architecture model {\n  layers 2A\n}\n",
    "E0209 slots": edit(("architecture", "space"), ("  layers 5×(2A-M)-A\n", "")),
    "E0210 fraction": one("hidden 258", "hidden 258.5"),
    "E0210 zero": one("heads 16", "heads 0"),
    "E0210 too large": one("width 128", "width " + "9" * 5000),
    "E0210 word for a number": one("rope 10_000", "rope high"),
    "E0210 truth for a number": one("rope 10_000", "rope true"),
    "E0210 choice": one(" relu ", " rellu "),
    "E0210 number for a choice": one(" relu ", " 1 "),
    "E0210 truth": one("width 128", "tie_embeddings 1"),
    "E0210 range": one("width 128", "norm_eps 1e3"),
    "E0210 pattern for a number": one("width 128", "width 2×(A-M)"),
    "E0210 number for a pattern": one("5×(2A-M)-A", "16"),
    "E0211 given": one("heads 16, kv_heads 16", "heads 12"),
    "E0211 width": edit(("width 128", "width 120"), ("heads 16, kv_heads 16, ", "")),
    "E0211 groups": one("kv_heads 16", "kv_heads 5"),
    "E0211 default meets given": one("inner 160, state 4, head_dim 32", "inner 100"),
    "E0211 rope": one("kv_heads 16", "head_dim 5"),
    "E0212 layers": one("5×(", "999_999_999×("),
    "E0213 group": one("5×(", "0×("),
    "E0214 exponent": one("M)-A", "M)-2e3"),
    "E0215 long name": one("model", "m" * 65),
    "E0216 slots in an architecture": one("layers 5×(2A-M)-A", "slots 16"),
    "E0216 layers in a space": one("architecture", "space"),
    "E0216 scale inside": one("width 128", "scale big {\n    width 256\n  }"),
    "E0216 extrapolate": one("width 128", "extrapolate stack"),
    "E0216 slots in a scale": GOOD + "scale 1b {\n  slots 3\n}\n",
    "E0218 layers and extrapolate": GOOD
    + "scale 1b {\n  layers A\n  parameters 9\n  extrapolate stack\n}\n",
    "E0218 no size": GOOD + "scale 1b {\n  extrapolate stack\n}\n",
    "E0218 size only": GOOD + "scale 1b {\n  parameters 9\n}\n",
    "E0219 no such layer": one("M)-A", "M)-A\n  layer 17 { heads 8 }"),
    "E0219 backwards": one("M)-A", "M)-A\n  layer 5-3 { heads 8 }"),
    "E0220 twice": one(
        "M)-A", "M)-A\n  layer 2 { heads 8, kv_heads 8 }\n  layer 1-2 { rope none }"
    ),
    "E0221 circle": one("layers 5×(2A-M)-A", "pattern P = A-Q\n  pattern Q = 2P-M\n  layers P"),
    "E0222 change": one(
        "block M  = mlp       { hidden 258, activation relu }", "block M { hidden 9 }"
    ),
    "E0223 scale too small": GOOD + "scale tiny {\n  parameters 9\n  extrapolate stack\n}\n",
    "E0223 scale too large": GOOD
    + "scale huge {\n  parameters 9_000_000_000_000\n  extrapolate stretch\n}\n",
    "E0224 scale": GOOD + "scale 1b {\n  width 256\n}\nscale 1b {\n  width 512\n}\n",
    "E0209 scale without a name": GOOD + "scale {\n  width 256\n}\n",
    "E0209 scale alone": "scale 1b {\n  width 256\n}\n",
    "E0210 extends": one("width 128", "extends base"),
    "E0210 quotes": one("width 128", 'width "128"'),
    "E0211 scale": GOOD + "scale odd {\n  width 100\n}\n",
    "E0310 no file": one("width 128", 'extends "base.arch"'),
}


@pytest.mark.parametrize("text", CASES.values(), ids=CASES)
def test_diagnostic(text, snapshot, request):
    found = check(text, filename="model.arch")
    code = request.node.callspec.id[:5]
    assert {each.code for each in found} == {code}
    assert render_all(found, text) == snapshot


def test_every_code_about_a_text_has_a_case():
    elsewhere = {"E0109", "E0110", "E0111", "E0217", "E0225"}
    assert {name[:5] for name in CASES} >= {c for c in CODES if c < "E03"} - elsewhere


def test_every_edit_that_is_offered_removes_its_error():
    offered = 0
    for name, text in CASES.items():
        for found in check(text):
            if found.fix is not None:
                offered += 1
                left = check(apply(found.fix, text))
                assert (found.code, found.message) not in {(e.code, e.message) for e in left}, name
    assert offered > 20


def apply(fix, text):
    lines = text.split("\n")
    start = sum(len(line) + 1 for line in lines[: fix.line - 1]) + fix.column - 1
    end = sum(len(line) + 1 for line in lines[: fix.end_line - 1]) + fix.end_column - 1
    return text[:start] + fix.text + text[end:]


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
