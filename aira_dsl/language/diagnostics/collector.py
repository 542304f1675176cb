"""Collects what is wrong with one text, and turns offsets into lines and columns.

A text may build on other files. They are appended to it, so that one number says where a word
stands whatever file it is in. What is wrong in an inherited piece is shown where the text at hand
inherits it, since that is the file its author is looking at.
"""

from bisect import bisect_right
from collections.abc import Callable
from functools import cached_property
from typing import NamedTuple

from aira_dsl.error_codes import error_codes
from aira_dsl.language.diagnostics.diagnostic import MAX_FOUND, SHOWN, Diagnostic, Fix


class Hint(NamedTuple):
    """What to do about a problem, in words and, where it is one edit, as that edit.

    Attributes:
        text: for a person.
        fix: what to write in place of the words that the diagnostic points at.
        at: the offsets to replace, if not those words.
    """

    text: str
    fix: str | None = None
    at: tuple[int, int] | None = None


Help = str | Hint | None | Callable[[], str | Hint | None]
"""What to do about a problem; a function is only called for diagnostics that will be shown."""


class _File(NamedTuple):
    """Where an appended file begins in the whole text."""

    start: int
    text: str
    filename: str


class Sink:
    """The diagnostics of one text.

    Attributes:
        text: the text that is checked.
        filename: as the caller named it.
        whole: the text, then every file that it builds on.
        inherited_at: where the text says what it builds on.
        yaml: whether the text is in the YAML form, in which examples of help are then written.
    """

    def __init__(self, text: str, filename: str) -> None:
        self.text = text
        self.filename = filename
        self.whole = text
        self.inherited_at = (0, 0)
        self.yaml = False
        self._files = [_File(0, text, filename)]
        self._found: list[tuple[int, int, Diagnostic]] = []
        self._seen: set[tuple[str, int, str]] = set()
        self._errors = 0

    def append(self, text: str, filename: str) -> tuple[int, int]:
        """Add a file that the text builds on; return its offsets in `whole`."""
        start = len(self.whole) + 1
        self.whole += "\n" + text
        self._files.append(_File(start, text, filename))
        return start, len(self.whole)

    def add(self, code: str, start: int, end: int, message: str, help: Help = None) -> None:
        """Note that `whole[start:end]` breaks the rule `code`."""
        assert code in error_codes(), code
        if self.exhausted or (code, start, message) in self._seen:
            return
        self._seen.add((code, start, message))  # two blocks may share a wrong parameter
        if callable(help):
            help = None if self.full else help()
        hint = Hint(help) if isinstance(help, str) else help
        if start > len(self.text):
            message += f" (in {self.place(start)})"
            start, end = self.inherited_at
            hint = hint and Hint(hint.text)
        warning = code.startswith("W")
        diagnostic = Diagnostic(
            code,
            message,
            self.filename,
            *self._span(start, end),
            help=hint and hint.text,
            severity="warning" if warning else "error",
            fix=self._fix(hint, start, end),
        )
        self._errors += not warning
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
        """Whether any error was found."""
        return self._errors > 0

    def __len__(self) -> int:
        """Count the errors."""
        return self._errors

    @property
    def diagnostics(self) -> list[Diagnostic]:
        """What was found, in the order of the text."""
        return [diagnostic for _, _, diagnostic in sorted(self._found, key=lambda each: each[:2])]

    @property
    def errors(self) -> list[Diagnostic]:
        """What was found, without warnings."""
        return [each for each in self.diagnostics if each.severity == "error"]

    def line_of(self, offset: int) -> int:
        """Return the line of an offset in the text, from 1."""
        return self._place(offset)[0]

    def place(self, offset: int) -> str:
        """Write where an offset in `whole` is, as `base.arch:3:5`."""
        file = next(each for each in reversed(self._files) if offset >= each.start)
        before = file.text[: offset - file.start]
        line = before.count("\n") + 1
        return f"{file.filename}:{line}:{len(before) - before.rfind(chr(10))}"

    def _fix(self, hint: Hint | None, start: int, end: int) -> Fix | None:
        if hint is None or hint.fix is None:
            return None
        return Fix(*self._span(*(hint.at or (start, end))), hint.fix)

    def _span(self, start: int, end: int) -> tuple[int, int, int, int]:
        return *self._place(start), *self._place(max(end, start))

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
