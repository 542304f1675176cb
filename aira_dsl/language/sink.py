"""Collects what is wrong with one text, and turns offsets into lines and columns."""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property

from aira_dsl.language.codes import CODES
from aira_dsl.language.diagnostics import MAX_FOUND, SHOWN, Diagnostic

Help = str | None | Callable[[], str | None]
"""What to do about a problem; a function is only called for diagnostics that will be shown."""


class Sink:
    """The diagnostics of one text."""

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename
        self._found: list[tuple[int, int, Diagnostic]] = []

    def add(self, code: str, start: int, end: int, message: str, help: Help = None) -> None:
        """Note that `text[start:end]` breaks the rule `code`."""
        assert code in CODES, code
        if self.exhausted:
            return
        if callable(help):
            help = None if self.full else help()
        line, column = self._place(start)
        end_line, end_column = self._place(max(end, start))
        diagnostic = Diagnostic(
            code, message, self.filename, line, column, end_line, end_column, help
        )
        self._found.append((start, len(self._found), diagnostic))

    @property
    def full(self) -> bool:
        """Whether enough was found to fill the screen: costly hints are no longer worth it."""
        return len(self._found) >= SHOWN

    @property
    def exhausted(self) -> bool:
        """Whether no more is recorded."""
        return len(self._found) >= MAX_FOUND

    def __bool__(self) -> bool:
        """Whether anything was found."""
        return bool(self._found)

    def __len__(self) -> int:
        return len(self._found)

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was found, in the order of the text."""
        return [diagnostic for _, _, diagnostic in sorted(self._found, key=lambda each: each[:2])]

    def line_of(self, offset: int) -> int:
        """Return the line of an offset, from 1."""
        return self._place(offset)[0]

    def _place(self, offset: int) -> tuple[int, int]:
        line = bisect_right(self._line_starts, offset)
        return line, offset - self._line_starts[line - 1] + 1

    @cached_property
    def _line_starts(self) -> list[int]:
        starts, at = [0], self.text.find("\n")
        while at >= 0:
            starts.append(at + 1)
            at = self.text.find("\n", at + 1)
        return starts
