"""What is wrong with a text: a code, a place, a sentence and, where we know it, a way out.

The rendered shape is the one that compilers' users like best today: a header with the code, the
place, the user's own line with a caret under the words in question, then help on a line of its own.
"""

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

from aira_dsl.errors import InputError
from aira_dsl.language.diagnostics.snippet import cut, printable

SHOWN = 20
"""Diagnostics shown for one text; the rest is counted."""

MAX_FOUND = 1000
"""Diagnostics found in one text; more are of no use, and a hostile text could have many more."""

_BOLD, _RESET = "\033[1m", "\033[0m"
_RED, _YELLOW, _BLUE, _CYAN = (f"\033[1;{code}m" for code in (31, 33, 34, 36))


@dataclass(frozen=True, slots=True)
class Fix:
    """One edit that removes a diagnostic: these places (as in `Diagnostic`) become `text`."""

    line: int
    column: int
    end_line: int
    end_column: int
    text: str


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One broken rule.

    Attributes:
        code: one of `aira_dsl.error_codes.error_codes()`.
        message: one sentence with the rule and the offending value.
        filename: as the caller named the text.
        line, column: where it begins, from 1, columns in code points; None if it concerns the
            whole file.
        end_line, end_column: where it ends; the end column is the one after the last.
        help: what to do about it, or None.
        severity: `error`, or `warning` for a text that is legal but suspicious (codes W….).
        fix: the help as an edit, where it is one.
    """

    code: str
    message: str
    filename: str
    line: int | None = None
    column: int | None = None
    end_line: int | None = None
    end_column: int | None = None
    help: str | None = None
    severity: str = "error"
    fix: Fix | None = None

    def render(self, source: str | None = None, *, color: bool = False, width: int = 100) -> str:
        """Draw the diagnostic with the user's own line, at most `width` columns wide.

        Args:
            source: the text that was checked; None shows no line.
            color: whether to use ANSI colors.
            width: columns of the terminal; longer lines are cut around the caret.
        """
        return "\n".join(
            [*self._head(color), *self._snippet(source, color, width), *self._help(color)]
        )

    def concise(self) -> str:
        """Write it on one line: `model.arch:3:25: error[E0203]: unknown parameter …`."""
        return f"{self._place()}: {self.severity}[{self.code}]: {printable(self.message)}"

    def github(self) -> str:
        """Write it as an annotation of GitHub Actions."""
        at = "" if self.line is None else f",line={self.line},col={self.column}"
        name = _escape(self.filename).replace(":", "%3A").replace(",", "%2C")
        return f"::{self.severity} file={name}{at}::[{self.code}] {_escape(self.message)}"

    def as_json(self) -> dict[str, Any]:
        """Return the fields under stable keys, ready for `json.dumps`."""
        return {
            "code": self.code,
            "severity": self.severity,
            "message": self.message,
            "filename": self.filename,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "help": self.help,
            "fix": self.fix and asdict(self.fix),
        }

    def _place(self) -> str:
        at = "" if self.line is None else f":{self.line}:{self.column}"
        return printable(self.filename) + at

    @property
    def _style(self) -> str:
        return _RED if self.severity == "error" else _YELLOW

    def _gutter(self) -> str:
        return " " * len(str(self.line or ""))

    def _head(self, color: bool) -> list[str]:
        title = _paint(f"{self.severity}[{self.code}]", self._style, color)
        message = _paint(f": {printable(self.message)}", _BOLD, color)
        arrow = _paint(f" {self._gutter()}-->", _BLUE, color)
        return [f"{title}{message}", f"{arrow} {self._place()}"]

    def _snippet(self, source: str | None, color: bool, width: int) -> list[str]:
        if source is None or self.line is None or self.column is None:
            return []
        lines = source.removeprefix("\ufeff").split("\n")
        line = lines[self.line - 1].rstrip("\r") if self.line <= len(lines) else ""
        stop = self.end_column if self.end_line == self.line and self.end_column else len(line) + 1
        gutter = self._gutter()
        shown, offset, length = cut(line, self.column - 1, stop - 1, width - len(gutter) - 4)
        bar = _paint(f" {gutter} |", _BLUE, color)
        numbered = _paint(f" {self.line} |", _BLUE, color)
        caret = _paint("^" * length, self._style, color)
        return [bar, f"{numbered} {shown}".rstrip(), f"{bar} {' ' * offset}{caret}"]

    def _help(self, color: bool) -> list[str]:
        if self.help is None:
            return []
        return [f" {self._gutter()}{_paint('help', _CYAN, color)}: {printable(self.help)}"]


class ArchitectureError(InputError):
    """An architecture text breaks the language.

    Attributes:
        diagnostics: every broken rule, in the order of the text.
        source: the text, or None if it could not be read.
    """

    def __init__(self, diagnostics: Sequence[Diagnostic], source: str | None = None) -> None:
        assert diagnostics, "an error needs a reason"
        first = diagnostics[0]
        super().__init__(first.code, first.message, help=first.help)
        self.diagnostics = tuple(diagnostics)
        self.source = source

    def __str__(self) -> str:
        return render_all(self.diagnostics, self.source)


def render_all(
    diagnostics: Sequence[Diagnostic],
    source: str | None,
    *,
    color: bool = False,
    width: int = 100,
) -> str:
    """Draw the first 20 diagnostics and say how many more there are."""
    parts = [each.render(source, color=color, width=width) for each in diagnostics[:SHOWN]]
    if len(diagnostics) > SHOWN:
        at_least = "at least " if len(diagnostics) >= MAX_FOUND else ""
        what = f"{diagnostics[-1].severity}s"  # warnings are only given for a text without errors
        parts.append(f"... and {at_least}{len(diagnostics) - SHOWN} more {what}")
    return "\n\n".join(parts)


def _escape(text: str) -> str:
    """Escape what would end a GitHub Actions command."""
    text = text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    return printable(text)


def _paint(text: str, style: str, color: bool) -> str:
    return f"{style}{text}{_RESET}" if color else text
