"""After a syntax error: read the text statement by statement, so that one run shows every mistake.

A statement ends at a line end or `;` outside brackets. A bracket that was never closed must not
swallow what follows, so a line that begins like a statement ends the one before it, too.
"""

from collections.abc import Collection, Iterator
from itertools import takewhile

from lark import Token, UnexpectedInput
from lark.exceptions import UnexpectedToken

from aira_dsl.language.scan import Lexeme, scan
from aira_dsl.language.sink import Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.syntax import parse_item, report
from aira_dsl.language.tree import Broken, Item, Section

_PAIRS = {")": "(", "}": "{"}
_CONTINUES = {"-", "+", ",", "×", "*", "="}


def recover(sink: Sink, error: UnexpectedInput, statements: Collection[str]) -> Section | None:
    """Report every syntax error of a text that Lark refused.

    Args:
        sink: holds the text and receives the diagnostics.
        error: what Lark said about the whole text.
        statements: words that begin a statement.

    Returns:
        The section with the statements that could be read, or None if there is no section.
    """
    lexemes = [each for each in scan(sink.text) if each.kind != "comment"]
    words = [each for each in lexemes if each.kind != "line"]
    if not words:
        sink.add("E0107", 0, 0, "the text holds comments only", "write `architecture NAME { … }`")
        return None
    brace = next((i for i, each in enumerate(lexemes) if each.text == "{"), None)
    header = words[: words.index(lexemes[brace])] if brace is not None else []
    if brace is None or not header or header[0].kind != "name" or _many_lines(lexemes[:brace]):
        report(sink, error, len(sink.text.rstrip()))
        return None
    if (error.pos_in_stream or 0) <= lexemes[brace].start and not _at_end(error):
        report(sink, error, lexemes[brace].start)
    body = _Body(sink, lexemes, brace + 1, statements)
    items = tuple(body.items())
    _check_end(sink, lexemes, brace, body.at)
    if not sink:  # whatever this scan did not see, Lark did
        report(sink, error, len(sink.text.rstrip()))
    name = _token(header[1]) if len(header) > 1 and header[1].kind == "name" else None
    return Section(_token(header[0]), name, items, lexemes[brace].start, lexemes[brace].end)


def _many_lines(header: list[Lexeme]) -> bool:
    """Whether words before the first `{` stand on several lines: then it is not the section's."""
    kinds = "".join("|" if each.kind == "line" else "w" for each in header)
    return "|" in kinds.strip("|") or kinds.endswith("|")


def _check_end(sink: Sink, lexemes: list[Lexeme], brace: int, at: int) -> None:
    """Check that the section is closed, and the last thing in the text."""
    if at >= len(lexemes):
        if not sink:
            start = lexemes[brace].start
            sink.add("E0102", start, start + 1, "this `{` is never closed", "add `}` at the end")
        return
    rest = [each for each in lexemes[at + 1 :] if each.kind != "line"]
    if rest:
        again = sum(each.text == "{" for each in rest)
        help_text = "a file holds one section" if again else "delete it"
        message = f"{quoted(rest[0].text)} after the end of the section"
        sink.add("E0108", rest[0].start, rest[0].end, message, help_text)


class _Body:
    """Cuts the inside of a section into statements and parses each on its own."""

    def __init__(
        self, sink: Sink, lexemes: list[Lexeme], at: int, statements: Collection[str]
    ) -> None:
        self.sink = sink
        self.lexemes = lexemes
        self.at = at  # the next lexeme; at the end, that of the closing brace
        self.statements = statements

    def items(self) -> Iterator[Item]:
        """Yield the statements up to the closing brace."""
        while self.at < len(self.lexemes) and not self.sink.exhausted:
            if self.lexemes[self.at].text == "}":
                return
            if self.lexemes[self.at].kind == "line":
                self.at += 1
                continue
            first = self.at
            opened = self._skip()
            yield self._parse(self.lexemes[first : self.at], opened)

    def _skip(self) -> list[Lexeme]:
        """Move to the end of this statement; return the brackets still open there."""
        opened: list[Lexeme] = []
        first = self.at
        while self.at < len(self.lexemes):
            each = self.lexemes[self.at]
            if each.kind == "line":
                if self._ends_here(opened):
                    return opened
            elif each.text in {"(", "{"}:
                opened.append(each)
            elif each.text == "}" and not any(o.text == "{" for o in opened):
                if self.at > first:
                    return opened
            elif each.text in _PAIRS and opened and opened[-1].text == _PAIRS[each.text]:
                opened.pop()
            self.at += 1
        return opened

    def _ends_here(self, opened: list[Lexeme]) -> bool:
        """Whether the line end at hand finishes the statement."""
        if not opened and self.lexemes[self.at - 1].text not in _CONTINUES:
            return True
        line = self.lexemes[self.at + 1 : self.at + 4]
        if not line or line[0].kind != "name":
            return False
        defines = [each.kind for each in line[:2]] == ["name", "name"] and any(
            each.text == "=" for each in line[2:3]
        )
        return defines or line[0].text in self.statements

    def _parse(self, lexemes: list[Lexeme], opened: list[Lexeme]) -> Item:
        significant = [each for each in lexemes if each.kind != "line"]
        start, end = significant[0].start, significant[-1].end
        try:
            return parse_item(self.sink.text, start, end)
        except UnexpectedInput as error:
            if opened and _at_end(error):
                bracket = opened[-1]
                message = f"this {quoted(bracket.text)} is never closed"
                closing = {"(": ")", "{": "}"}[bracket.text]
                self.sink.add("E0102", bracket.start, bracket.end, message, f"add `{closing}`")
            else:
                report(self.sink, error, end)
        names = [each.text for each in takewhile(lambda each: each.kind == "name", significant)]
        swallows = any(each.text == "block" for each in significant[1:])
        return Broken(tuple(names), swallows)


def _at_end(error: UnexpectedInput) -> bool:
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"


def _token(lexeme: Lexeme) -> Token:
    return Token("NAME", lexeme.text, start_pos=lexeme.start, end_pos=lexeme.end)
