"""The outline agrees with the parser on correct texts, and with a reader on broken ones."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.language.syntax.cutter import outline
from aira_dsl.language.syntax.parser import parse_file
from aira_dsl.language.syntax.tree import Broken, Definition, start_of
from tests.lsp.texts import EXAMPLES

LAYOUTS = """
architecture x { block layers = mlp; layers 2layers
  layer 1 {
    hidden 3 } ; pattern U = A-
       # words
     (A-
       M 2×(A))
}
scale 1b{}
scale c {
  block A {
    heads 3;;  kv_heads 4
  } }
"""


@pytest.mark.parametrize(
    "text", [*(path.read_text(encoding="utf-8") for path in EXAMPLES), LAYOUTS]
)
def test_it_cuts_as_the_parser_does(text: str) -> None:
    parsed = [
        (str(part.word), str(part.name), part.open, part.end,
         [(each.start, each.end) for each in part.items if not isinstance(each, Broken)])
        for part in parse_file(text)
    ]  # fmt: skip
    cut = [
        (part.header[0].text, part.name and part.name.text, part.open, part.end,
         [(each.start, each.end) for each in part.items])
        for part in outline(text).parts
    ]  # fmt: skip
    assert cut == parsed


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_names_and_kinds_are_those_of_the_parser(example: Path) -> None:
    text = example.read_text(encoding="utf-8")
    for part, section in zip(outline(text).parts, parse_file(text), strict=True):
        for item, each in zip(part.items, section.items, strict=True):
            if isinstance(each, Definition):
                assert item.defines
                assert item.name is not None
                assert (item.name.text, item.name.start) == (each.name, start_of(each.name))
                assert (item.kind and item.kind.text) == (
                    each.kind if item.key == "block" else None
                )


@pytest.mark.parametrize(
    ("text", "keys"),
    [
        ("architecture x {\n block A = attention { heads\n width 3\n}", ["block", "width"]),
        ("architecture x {\n layers 3×(A-(\n width 3\n}", ["layers", "width"]),
        ("architecture x {\n layers A-\n width 3\n}", ["layers", "width"]),
        ("architecture x {\n block A =\n layers A\n}", ["block", "layers"]),
        ("architecture x {\n width 3\n", ["width"]),
        ("architecture x { block A = mlp { }; wi", ["block", "wi"]),
    ],
)
def test_a_statement_does_not_swallow_the_next(text: str, keys: list[str]) -> None:
    (part,) = outline(text).parts
    assert [item.key for item in part.items] == keys


def test_a_section_that_is_never_closed_ends_at_the_next() -> None:
    found = outline("architecture x {\n width 3\n block A = mlp {\nscale 1b { width 4 }").parts
    assert [(part.kind, part.closed, len(part.items)) for part in found] == [
        ("architecture", False, 2),
        ("scale", True, 1),
    ]


def test_a_section_inside_another_does_not_end_it() -> None:
    text = "architecture x {\n width 3\n scale 1b { width 4 }\n layers A\n}"
    (part,) = outline(text).parts
    assert [item.key for item in part.items] == ["width", "layers"]
    assert part.closed
    assert [(inner.kind, inner.items[0].key) for inner in part.inner] == [("scale", "width")]
    found, item = outline(text).at(text.index("width 4"))
    assert (found, item and item.key) == (part.inner[0], "width")


def test_a_brace_too_many_does_not_end_a_section() -> None:
    text = "architecture x {\n block A = mlp { hidden 3 }}\n layers A\n}"
    (part,) = outline(text).parts
    assert [item.key for item in part.items] == ["block", "layers"]
    assert part.items[0].stray is not None
    assert part.closed


def test_deep_nesting_costs_no_stack() -> None:
    text = "architecture x {\n" + " scale a {\n" * 5000
    (part,) = outline(text).parts
    assert len(part.inner) == 5000


@given(st.text('architecture spacel{}()=-×2e3;\n#"_ 漢😀\0\r', max_size=80))
def test_it_never_fails_and_loses_no_place(text: str) -> None:
    found = outline(text)
    for part in found.parts:
        assert 0 <= part.start <= part.end <= len(text)
        ends = [(item.start, item.end) for item in part.items]
        assert ends == sorted(ends)
        assert all(start < end <= part.end for start, end in ends)
