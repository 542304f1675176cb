"""After a syntax error: read the text statement by statement, so that one run shows every mistake.

A statement ends at a line end or `;` outside brackets. A bracket that was never closed must not
swallow what follows, so a line that begins like a statement ends the one before it, too.
"""

from collections.abc import Collection, Iterator
from itertools import takewhile

from lark import Token, UnexpectedInput
from lark.exceptions import UnexpectedToken

from aira_dsl.language.scan import Lexeme, scan
from aira_dsl.language.sink import Hint, Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.syntax import parse_item, report
from aira_dsl.language.tree import Broken, Item, Section

_PAIRS = {")": "(", "}": "{"}
_CLOSING = {"(": ")", "{": " }"}
_CONTINUES = {"-", "+", ",", "×", "*", "="}


def recover(
    sink: Sink, error: UnexpectedInput, statements: Collection[str]
) -> tuple[Section, ...] | None:
    """Report every syntax error of a text that Lark refused.

    Args:
        sink: holds the text and receives the diagnostics.
        error: what Lark said about the whole text.
        statements: words that begin a statement.

    Returns:
        The sections with the statements that could be read, or None if there is none.
    """
    lexemes = [each for each in scan(sink.text) if each.kind != "comment"]
    if all(each.kind == "line" for each in lexemes):
        sink.add("E0107", 0, 0, "the text holds comments only", "write `architecture NAME { … }`")
        return None
    sections: list[Section] = []
    at = 0
    while at < len(lexemes) and not sink.exhausted:
        brace = _opening(lexemes, at)
        if brace is None:
            _report_rest(sink, error, lexemes[at:], bool(sections), statements)
            break
        if (error.pos_in_stream or 0) <= lexemes[brace].start and not (_at_end(error) or sections):
            report(sink, error, lexemes[brace].start)
        body = _Body(sink, lexemes, brace + 1, statements)
        sections.append(_section(lexemes[at : brace + 1], tuple(body.items())))
        if body.at >= len(lexemes):
            _report_unclosed(sink, lexemes[brace])
        at = _after_lines(lexemes, body.at + 1)
    if not sink:  # whatever this scan did not see, Lark did
        report(sink, error, len(sink.text.rstrip()))
    return tuple(sections) or None


def _opening(lexemes: list[Lexeme], at: int) -> int | None:
    """Return where the `{` of the next section is, if what stands before it looks like a header."""
    brace = next((i for i in range(at, len(lexemes)) if lexemes[i].text == "{"), None)
    if brace is None or _many_lines(lexemes[at:brace]):
        return None
    header = [each for each in lexemes[at:brace] if each.kind != "line"]
    return brace if header and header[0].kind == "name" else None


def _many_lines(header: list[Lexeme]) -> bool:
    """Whether words before the first `{` stand on several lines: then it is not the section's."""
    kinds = "".join("|" if each.kind == "line" else "w" for each in header)
    return "|" in kinds.strip("|") or kinds.endswith("|")


def _section(header: list[Lexeme], items: tuple[Item, ...]) -> Section:
    words = [each for each in header if each.kind != "line"]
    title = "".join(each.text for each in words[1:-1] if each.kind in {"name", "number"})
    name = None
    if title:
        start, end = words[1].start, words[1].start + len(title)
        name = Token("NAME", title, start_pos=start, end_pos=end)
    return Section(_token(words[0]), name, items, words[-1].start, words[-1].end)


def _report_rest(
    sink: Sink,
    error: UnexpectedInput,
    rest: list[Lexeme],
    later: bool,
    statements: Collection[str],
) -> None:
    """Report what stands where a section belongs."""
    words = [each for each in rest if each.kind != "line"]
    if not later and words[0].text in statements:
        message = f"expected a section, found the statement {quoted(words[0].text)}"
        help_text = "write `architecture NAME {` before it, and `}` at the end"
        sink.add("E0101", words[0].start, words[0].end, message, help_text)
    elif not later:
        report(sink, error, len(sink.text.rstrip()))
    elif words:
        message = f"{quoted(words[0].text)} after the end of the section"
        help_text = "delete it"
        if words[0].kind == "name":
            help_text = "move it into the section, or write `scale NAME { … }`"
        sink.add("E0108", words[0].start, words[0].end, message, help_text)


def _report_unclosed(sink: Sink, brace: Lexeme) -> None:
    if not sink:
        end = len(sink.text.rstrip())
        hint = Hint("add `}` at the end", "\n}", (end, end))
        sink.add("E0102", brace.start, brace.end, "this `{` is never closed", hint)


def _after_lines(lexemes: list[Lexeme], at: int) -> int:
    while at < len(lexemes) and lexemes[at].kind == "line":
        at += 1
    return at


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
        if [each.text for each in significant[:1]] == ["scale"] and _has_brace(significant):
            message = "a scale is a section of its own"
            help_text = "write it behind the last line of this section"
            self.sink.add("E0216", start, significant[0].end, message, help_text)
            return Broken((), False)
        try:
            return parse_item(self.sink.text, start, end)
        except UnexpectedInput as error:
            if opened and _at_end(error):
                bracket = opened[-1]
                message = f"this {quoted(bracket.text)} is never closed"
                missing = "".join(_CLOSING[each.text] for each in reversed(opened))
                closing = _CLOSING[bracket.text].strip()
                hint = Hint(f"add `{closing}`", missing, (end, end))
                self.sink.add("E0102", bracket.start, bracket.end, message, hint)
            else:
                report(self.sink, error, end)
        names = [each.text for each in takewhile(lambda each: each.kind == "name", significant)]
        swallows = any(each.text == "block" for each in significant[1:])
        return Broken(tuple(names), swallows)


def _has_brace(lexemes: list[Lexeme]) -> bool:
    return any(each.text == "{" for each in lexemes[1:4])


def _at_end(error: UnexpectedInput) -> bool:
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"


def _token(lexeme: Lexeme) -> Token:
    return Token("NAME", lexeme.text, start_pos=lexeme.start, end_pos=lexeme.end)
