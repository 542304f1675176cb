"""Renaming keeps the meaning, or is refused."""

from pathlib import Path

import pytest

from aira_dsl.language import load, parse
from aira_dsl.lsp.renaming import Refusal, apply, rename, renamed_at
from aira_dsl.lsp.scope import Source
from tests.lsp.texts import EXAMPLES, at

TEXT = """architecture x {
  block A = attention  # A, not a comment's word
  block M = mlp
  pattern U = 2A-M
  layers 3U-2×A-2*M
}
scale s { block A { heads 8 }; layers 2A-U }
"""


def renamed(marked: str, name: str, path: Path | None = None) -> str:
    source, offset = at(marked, path)
    return apply(source.text, rename(source, offset, name))


def test_every_use_is_renamed_and_no_comment() -> None:
    after = renamed(TEXT.replace("block A =", "block |A ="), "Att")
    assert (
        after
        == """architecture x {
  block Att = attention  # A, not a comment's word
  block M = mlp
  pattern U = 2Att-M
  layers 3U-2×Att-2*M
}
scale s { block Att { heads 8 }; layers 2Att-U }
"""
    )


def test_patterns_are_renamed_too() -> None:
    after = renamed(TEXT.replace("3U", "3|U"), "unit")
    assert "pattern unit = 2A-M" in after
    assert "layers 3unit-" in after


def test_a_name_that_would_read_as_a_number_gets_a_sign() -> None:
    after = renamed(TEXT.replace("2A-M", "2A|-M"), "e3")
    assert "2×e3-M" in after
    assert parse(after).fingerprint == parse(TEXT).fingerprint


@pytest.mark.parametrize("name", ["2A", "", "a-b", "漢", "a" * 65])
def test_what_is_no_name_is_refused(name: str) -> None:
    with pytest.raises(Refusal, match="a name is"):
        renamed(TEXT.replace("block A =", "block |A ="), name)


def test_a_name_in_use_is_refused() -> None:
    for name in ("M", "U"):
        with pytest.raises(Refusal, match="defined already"):
            renamed(TEXT.replace("block A =", "block |A ="), name)


def test_only_own_names_are_renamed(tmp_path: Path) -> None:
    (tmp_path / "base.arch").write_text(TEXT, encoding="utf-8")
    text = 'architecture y { extends "base.arch"; block |A { heads 4 }; layers A }'
    with pytest.raises(Refusal, match="comes from a file"):
        renamed(text, "B", tmp_path / "y.arch")
    with pytest.raises(Refusal, match="not defined"):
        renamed(text, "B")
    with pytest.raises(Refusal, match="only blocks"):
        renamed_at(*at(TEXT.replace("attention", "atten|tion")))


def test_a_rename_that_changes_the_meaning_is_refused() -> None:
    text = (
        "architecture x { block |A = attention; layers 2A; layer 2 { heads 4 } }\n"
        "scale s { block A_2 { heads 8 } }"
    )
    with pytest.raises(Refusal, match="mistakes"):
        renamed(text, "B")


def test_a_block_of_one_scale_is_renamed_there_only() -> None:
    scales = "".join(f"scale {name} {{ block X = mlp; layers X }}\n" for name in "ab")
    after = renamed(TEXT + scales.replace("layers X", "layers |X", 1), "Y")
    assert after == TEXT + scales.replace("X", "Y", 2)


@pytest.mark.parametrize("example", EXAMPLES, ids=lambda path: path.stem)
def test_the_value_stays_under_any_name(example: Path) -> None:
    source = Source(example.read_text(encoding="utf-8"), example)
    (main, *_) = source.outline.parts
    if main.kind != "architecture":
        return
    names = [item.name for item in main.items if item.defines and item.name is not None]
    before = load(example).fingerprint
    for old in names[:: 1 + len(names) // 10]:  # some files define eighty blocks
        for new in ("e3", "_0", "layers"):
            after = apply(source.text, rename(source, old.start, new))
            assert parse(after, file=example).fingerprint == before
