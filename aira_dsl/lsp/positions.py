"""Offsets in a text <-> the line and character of an editor.

An editor counts lines from 0 and characters in code units, UTF-16 unless both sides agree on
another; offsets are code points, as everywhere in Python. The text keeps no byte order mark: the
first line's characters are counted as if it were there.
"""

import re
from bisect import bisect_right
from typing import NamedTuple

from aira_dsl.language import Diagnostic

_LINE_END = re.compile(r"\r\n|\n|\r")
_BYTES = {"utf-8": 1, "utf-16": 2, "utf-32": 4}


class Position(NamedTuple):
    """A line and a character, both from 0."""

    line: int
    character: int


class Positions:
    """The lines of one document.

    Attributes:
        text: the document without a byte order mark; what offsets refer to.
        encoding: `utf-8`, `utf-16` or `utf-32`, the code units of characters.
    """

    def __init__(self, source: str, encoding: str = "utf-16") -> None:
        self.text = source.removeprefix("\ufeff")
        self.encoding = encoding
        self._mark = source[: len(source) - len(self.text)]
        self._codec = f"{encoding}-le" if encoding != "utf-8" else encoding
        self._unit = _BYTES[encoding]
        self._starts = [0, *(match.end() for match in _LINE_END.finditer(self.text))]

    def position(self, offset: int) -> Position:
        """Return the place of an offset."""
        offset = max(0, min(offset, len(self.text)))
        line = bisect_right(self._starts, offset) - 1
        return Position(
            line, self._units(self._mark_of(line) + self.text[self._starts[line] : offset])
        )

    def offset(self, line: int, character: int) -> int:
        """Return the offset of a place; one after a line's end is moved to the end."""
        if line >= len(self._starts):
            return len(self.text)
        start = self._starts[line]
        end = self._starts[line + 1] if line + 1 < len(self._starts) else len(self.text)
        shown = self._mark_of(line) + self.text[start:end].rstrip("\r\n")
        encoded = shown.encode(self._codec, "surrogatepass")[: character * self._unit]
        # A place inside a character, half of a pair for one, is moved before it.
        before = len(encoded.decode(self._codec, "ignore"))
        return start + max(0, before - len(self._mark_of(line)))

    def span(self, diagnostic: Diagnostic) -> tuple[int, int]:
        """Return the offsets that a diagnostic points at; the first line if at the whole file."""
        if diagnostic.line is None or diagnostic.column is None:
            return 0, len(self.text.partition("\n")[0])
        start = self.coded(diagnostic.line, diagnostic.column)
        if diagnostic.end_line is None or diagnostic.end_column is None:
            return start, start
        return start, self.coded(diagnostic.end_line, diagnostic.end_column)

    def coded(self, line: int, column: int) -> int:
        """Return the offset of a line and a column as diagnostics count them, from 1."""
        at = 0
        for _ in range(line - 1):
            at = self.text.find("\n", at) + 1
        return at + column - 1

    def _units(self, text: str) -> int:
        return len(text.encode(self._codec, "surrogatepass")) // self._unit

    def _mark_of(self, line: int) -> str:
        return self._mark if line == 0 else ""
