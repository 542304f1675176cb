"""Definitions across files, and the outline of a file."""

from pathlib import Path

import pytest

from aira_dsl.lsp.navigation import Place, definition, symbols
from aira_dsl.lsp.scope import Source
from tests.lsp.texts import EXAMPLES, at

BASE = """architecture b {
  block A = mlp
  block B = mlp
  pattern U = 2A
  layers U-B
}
scale 1b { width 256; block A { hidden 3 } }
"""


@pytest.fixture
def base(tmp_path: Path) -> Path:
    path = tmp_path / "base.arch"
    path.write_text(BASE, encoding="utf-8")
    return path


def found(marked: str, path: Path | None = None) -> str | None:
    """Return the file, the line and the word of a definition."""
    place = definition(*at(marked, path))
    if place is None:
        return None
    name = "" if place.path is None else place.path.name
    line = place.text.count("\n", 0, place.start) + 1
    return f"{name}:{line}:{place.text[place.start : place.end]}"


def test_names_lead_to_their_definition() -> None:
    text = "architecture x {\n block A = mlp\n pattern U = 2A\n layers 3×(U-A)\n}"
    assert found(text.replace("(U", "(|U")) == ":3:U"
    assert found(text.replace("2A", "2A|")) == ":2:A"
    assert found(text.replace("-A)", "-|A)")) == ":2:A"
    assert found(text.replace("block A", "block |A")) == ":2:A"
    assert found(text.replace("mlp", "m|lp")) is None
    assert found(text.replace("layers", "lay|ers")) is None


def test_a_scale_sees_its_own_blocks_first() -> None:
    text = (
        "architecture x {\n block A = mlp\n layers A\n}\nscale s {\n block A = mlp\n layers |A\n}"
    )
    assert found(text) == ":6:A"
    assert found(text.replace("block A = mlp\n layers |A", "block |A { hidden 3 }")) == ":2:A"


def test_inherited_names_lead_into_the_base_file(base: Path) -> None:
    text = 'architecture x {\n extends "base.arch"\n block A { hidden 9 }\n layers U-B\n}'
    path = base.parent / "x.arch"
    assert found(text.replace("block A", "block |A"), path) == "base.arch:2:A"
    assert found(text.replace("U-B", "|U-B"), path) == "base.arch:4:U"
    assert found(text.replace("U-B", "U-|B"), path) == "base.arch:3:B"
    assert found(text + "\nscale |1b { }", path) == "base.arch:7:1b"
    assert found(text + "\nscale 1b { block |A { hidden 4 } }", path) == "base.arch:2:A"
    assert found(text.replace("base.a", "ba|se.a"), path) == "base.arch:1:"
    assert found(text.replace("base.a", "ba|se.a")) is None
    assert found(text.replace("base.a", "no|ne.a"), path) is None


def test_definitions_are_found_in_broken_texts(base: Path) -> None:
    text = 'architecture x {\n extends "base.arch"\n block C = mlp {\n width\n layers 3×(U-|C'
    assert found(text, base.parent / "x.arch") == ":3:C"


def test_a_circle_of_files_is_no_trap(tmp_path: Path) -> None:
    for name, other in (("a", "b"), ("b", "a")):
        text = f'architecture {name} {{ extends "{other}.arch"; layers A }}'
        (tmp_path / f"{name}.arch").write_text(text, encoding="utf-8")
    assert found('architecture a { extends "b.arch"; layers |A }', tmp_path / "a.arch") is None


def test_symbols_are_the_sections_and_their_statements() -> None:
    first, second = symbols(Source(BASE, None))
    assert (first.name, first.detail, first.kind) == ("b", "architecture", "section")
    assert [(each.name, each.detail, each.kind) for each in first.children] == [
        ("A", "mlp", "block"),
        ("B", "mlp", "block"),
        ("U", "= 2A", "pattern"),
        ("layers", "U-B", "setting"),
    ]
    assert (second.name, second.detail) == ("1b", "scale")
    assert [each.name for each in second.children] == ["width", "A"]


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_every_used_name_is_defined(example: Path) -> None:
    source = Source(example.read_text(encoding="utf-8"), example)
    for part in source.outline.parts:
        for item in part.items:
            for word in item.used:
                place = definition(source, word.start)
                assert isinstance(place, Place)
                assert place.text[place.start : place.end] == word.text
