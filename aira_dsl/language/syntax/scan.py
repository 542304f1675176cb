"""A plain scan of the text: guards before the parser runs, statement by statement after it failed.

It knows brackets, words, line ends and comments, and is never wrong about where a statement ends
because of its content.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aira_dsl.language.diagnostics.collector import Hint, Sink

MAX_BYTES = 1 << 20
MAX_LEXEMES = 100_000
MAX_DEPTH = 64

# Tabs, line feeds and the carriage return of a CRLF pair are the only control characters. Those
# that reverse the direction of text are refused as well: they make a line look like another one.
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u202a-\u202e\u2066-\u2069]|\r(?!\n)")
_LEXEME = re.compile(
    r"(?P<comment>\#[^\n]*)|(?P<line>[\n;][\s;]*)|(?P<name>[A-Za-z_]\w*)|(?P<number>[0-9][\w.]*)"
    r"|(?P<mark>[^\s])",
    re.ASCII,
)


WIDE_BRACKETS = {"｛": "{", "｝": "}", "（": "(", "）": ")"}
"""Brackets of East Asian keyboards, which are errors but pair like brackets."""


class Lexeme(NamedTuple):
    """A word, a number, a mark, a line end or a comment."""

    kind: str  # comment, line, name, number, mark
    text: str
    start: int
    end: int


def scan(text: str) -> Iterator[Lexeme]:
    """Yield the lexemes of a text, comments too; white space is left out.

    A wide bracket is the lexeme of the bracket that was meant.
    """
    for match in _LEXEME.finditer(text):
        kind, found = match.lastgroup, match.group()
        assert kind is not None
        yield Lexeme(kind, WIDE_BRACKETS.get(found, found), match.start(), match.end())


def guard(sink: Sink) -> bool:
    """Refuse what would cost time or memory, before any is spent; return whether to continue."""
    text = sink.text
    if len(text) > MAX_BYTES:
        message = f"the text has {len(text):,} characters, the limit is {MAX_BYTES:,}"
        sink.add("E0106", 0, 0, message, "an architecture takes a few hundred")
    elif match := _CONTROL.search(text):
        _control(sink, match)
    elif len(text) > MAX_LEXEMES or sum(map(text.count, "({（｛")) > MAX_DEPTH:
        _measure(sink)
    if not sink and (text.isspace() or not text):
        _empty(sink)
    return not sink


def _control(sink: Sink, match: re.Match[str]) -> None:
    code = ord(match.group())
    message = f"control character U+{code:04X} in the text"
    hint = Hint("delete it", "")
    if code == 0:
        hint = Hint("this looks like a binary file")
    elif match.group() == "\r":
        hint = Hint("end lines by LF or CRLF")
    sink.add("E0104", match.start(), match.end(), message, hint)


def _empty(sink: Sink) -> None:
    help_text = "write `architecture NAME { … }`"
    sink.add("E0107", 0, 0, "the text is empty", help_text)


def _measure(sink: Sink) -> None:
    """Count words and nesting."""
    depth = 0
    for count, lexeme in enumerate(scan(sink.text), 1):
        if lexeme.text in "({":
            depth += 1
        elif lexeme.text in ")}":
            depth -= 1
        if depth > MAX_DEPTH:
            message = f"brackets are nested deeper than {MAX_DEPTH}"
            sink.add("E0105", lexeme.start, lexeme.end, message, "flatten the groups")
            return
        if count > MAX_LEXEMES:
            message = f"the text has more than {MAX_LEXEMES:,} words and marks"
            sink.add("E0106", lexeme.start, lexeme.end, message, "write repeats: `100×(A-M)`")
            return
