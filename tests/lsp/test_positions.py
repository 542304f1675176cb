"""Positions as an editor counts them, against the codecs themselves."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from aira_dsl.language import check
from aira_dsl.lsp.positions import Position, Positions

ENCODINGS = {"utf-8": 1, "utf-16": 2, "utf-32": 4}
TEXTS = st.text("ab ×漢😀\u2028\x85\n\r\ufeff", max_size=40)


@pytest.mark.parametrize(("encoding", "character"), [("utf-16", 6), ("utf-8", 11), ("utf-32", 5)])
def test_characters_are_code_units(encoding: str, character: int) -> None:
    positions = Positions("x\n漢😀×aA", encoding)
    assert positions.position(2 + 4) == Position(1, character - 1)
    assert positions.offset(1, character) == 7


@given(TEXTS, st.sampled_from(list(ENCODINGS)), st.data())
def test_there_and_back(source: str, encoding: str, data: st.DataObject) -> None:
    positions = Positions(source, encoding)
    offset = data.draw(st.integers(0, len(positions.text)))
    line, character = positions.position(offset)
    inside_line_end = positions.text[offset - 1 : offset + 1] == "\r\n"
    assert positions.offset(line, character) == offset - inside_line_end

    # The same place, found by walking over the source.
    before = source[: len(source) - len(positions.text) + offset]
    breaks = before.replace("\r\n", "\n").replace("\r", "\n")
    if not inside_line_end:
        assert line == breaks.count("\n")
        rest = breaks.rpartition("\n")[2]
        codec = encoding if encoding == "utf-8" else f"{encoding}-le"
        assert character == len(rest.encode(codec)) // ENCODINGS[encoding]


@given(TEXTS, st.integers(0, 9), st.integers(0, 99), st.sampled_from(list(ENCODINGS)))
def test_any_place_is_some_offset(source: str, line: int, character: int, encoding: str) -> None:
    positions = Positions(source, encoding)
    assert 0 <= positions.offset(line, character) <= len(positions.text)


def test_diagnostics_point_at_their_word() -> None:
    for text in ("# 漢😀\r\narchitecture x { widht 3 }", "\ufeffarchitecture x { widht 3 }"):
        positions = Positions(text)
        spans = [positions.span(each) for each in check(text)]
        assert "widht" in [positions.text[start:end] for start, end in spans]
