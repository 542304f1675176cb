"""The inside of a section, after a syntax error: cut into statements, each parsed on its own.

A statement ends at a line end or `;` outside brackets. A bracket that was never closed must not
swallow what follows, so a line that begins like a statement ends the one before it, too.
"""

from collections.abc import Collection, Iterator
from itertools import takewhile

from lark import UnexpectedInput
from lark.exceptions import UnexpectedToken

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.syntax.parser import parse_item
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import Broken, Item
from aira_dsl.language.vocabulary import SECTIONS

_PAIRS = {")": "(", "}": "{"}
_CLOSING = {"(": ")", "{": " }"}
_CONTINUES = {"-", "+", ",", "×", "*", "=", "\\"}


class Body:
    """Cuts the inside of a section into statements and parses each on its own."""

    def __init__(
        self,
        sink: Sink,
        lexemes: list[Lexeme],
        brace: int,
        excess: list[int],
        statements: Collection[str],
    ) -> None:
        self.sink = sink
        self.lexemes = lexemes
        self.brace = lexemes[brace]
        self.tall = any(each.kind == "line" for each in lexemes[brace + 1 : brace + 2])
        self.at = brace + 1  # the next lexeme; at the end, the one after the section
        self.excess = excess  # how many more braces are closed than opened from each lexeme on
        self.owed = self.left_open = 0  # braces of wrong statements: still, and ever
        self.missing = -excess[brace]  # braces that are opened from here on, and never closed
        self.statements = statements

    def items(self) -> Iterator[Item]:
        """Yield the statements up to the closing brace."""
        while self.at < len(self.lexemes) and not self.sink.exhausted:
            each = self.lexemes[self.at]
            self.at += 1
            if each.text == "}":
                if self.owed and self.excess[self.at] > 0:
                    self.owed -= 1
                elif self._is_stray(self.at - 1):
                    self._report_stray(each)
                else:
                    return
            elif each.kind != "line":
                self.at -= 1
                if self._at_section() and self._column(each) == 0:
                    self._report_unclosed(f"before `{each.text}`", "}\n", each.start)
                    return
                yield from self._next()
        if self.missing > self.left_open and not self.sink.exhausted:
            end = len(self.sink.text.rstrip())
            edit = None if end == self.brace.end else "\n}"
            self._report_unclosed("at the end", edit, end)

    def _next(self) -> Iterator[Item]:
        """Read one statement."""
        first = self.at
        if self._at_section():
            self._skip_section()
            yield self._inner_section(self.lexemes[first])
            return
        opened = self._skip()
        lexemes = [each for each in self.lexemes[first : self.at] if each.kind != "line"]
        stray = None
        if self.at < len(self.lexemes) and self._is_stray(self.at):
            stray = self.lexemes[self.at]
            self.at += 1
        yield from self._parse(lexemes, opened, stray)

    def _skip(self) -> list[Lexeme]:
        """Move to the end of this statement; return the brackets still open there."""
        opened: list[Lexeme] = []
        first = self.at
        while self.at < len(self.lexemes):
            each = self.lexemes[self.at]
            if each.kind == "line":
                if self._ends_here(first, opened):
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

    def _ends_here(self, first: int, opened: list[Lexeme]) -> bool:
        """Whether the line end at hand finishes the statement."""
        words = self.lexemes[first : first + 2]  # one whose value stands below it?
        alone = words[0].text in self.statements and words[1].text.startswith(("\n", "\r"))
        if not (opened or alone or self.lexemes[self.at - 1].text in _CONTINUES):
            return True
        line = self.lexemes[self.at + 1 : self.at + 4]
        if not line or line[0].kind != "name":
            return False
        defines = [each.kind for each in line[:2]] == ["name", "name"] and any(
            each.text == "=" for each in line[2:3]
        )
        return defines or line[0].text in self.statements

    def _at_section(self) -> bool:
        """Whether a section begins here, inside of this one."""
        line = self.lexemes[self.at : self.at + 5]
        words = [each.text for each in takewhile(lambda each: each.kind != "line", line)]
        return words[0] in SECTIONS and "{" in words[1:]

    def _skip_section(self) -> None:
        """Move behind the section that begins here."""
        depth = 0
        while self.at < len(self.lexemes):
            text = self.lexemes[self.at].text
            depth += (text == "{") - (text == "}")
            self.at += 1
            if text == "}" and depth == 0:
                return

    def _inner_section(self, word: Lexeme) -> Item:
        message = f"`{word.text}` begins a section of its own"
        help_text = "write it behind the last line of this section"
        self.sink.add("E0216", word.start, word.end, message, help_text)
        return Broken((), False)

    def _parse(
        self, lexemes: list[Lexeme], opened: list[Lexeme], stray: Lexeme | None
    ) -> Iterator[Item]:
        """Parse one statement, with the `}` behind it that closes nothing."""
        start, end = lexemes[0].start, lexemes[-1].end
        try:
            yield parse_item(self.sink.text, start, end)
        except UnexpectedInput as error:
            pieces = self._pieces(lexemes, error)
            if len(pieces) > 1:
                for piece in pieces:
                    yield self._parse_piece(piece)
                return
            unclosed = sum(each.text == "{" for each in opened)
            self.owed, self.left_open = self.owed + unclosed, self.left_open + unclosed
            self._report(lexemes, opened, stray, error)
            yield _broken(lexemes)
        else:
            if stray is not None:
                self._report_stray(stray)

    def _pieces(self, lexemes: list[Lexeme], error: UnexpectedInput) -> list[list[Lexeme]]:
        """Cut a line where another statement begins, and report that it needs a line end there."""
        stop = lexemes[-1].end if at_end(error) else error.pos_in_stream or 0
        cuts, depth = [0], 0
        for i, each in enumerate(lexemes[:-1]):
            depth += (each.text in "({") - (each.text in ")}")
            before = lexemes[max(0, i - 1)].text
            if each.start > stop or depth or i < cuts[-1] + 2 or before in _CONTINUES - {","}:
                continue
            if each.text in self.statements and lexemes[i + 1].kind in {"name", "number"}:
                cuts.append(i)
        for i in cuts[1:]:
            word, last = lexemes[i], lexemes[i - 1]
            behind = lexemes[i - 2].end if last.text == "," else last.end
            message = f"`{word.text}` begins a statement of its own"
            hint = Hint("begin a new line, or write `;` before it", "; ", (behind, word.start))
            self.sink.add("E0101", word.start, word.end, message, hint)
        return [lexemes[i:j] for i, j in zip(cuts, [*cuts[1:], len(lexemes)], strict=True)]

    def _parse_piece(self, lexemes: list[Lexeme]) -> Item:
        """Parse a part of a line whose mistake is known."""
        if lexemes[-1].text == ",":
            lexemes = lexemes[:-1]
        try:
            return parse_item(self.sink.text, lexemes[0].start, lexemes[-1].end)
        except UnexpectedInput:
            return _broken(lexemes)

    def _report(
        self,
        lexemes: list[Lexeme],
        opened: list[Lexeme],
        stray: Lexeme | None,
        error: UnexpectedInput,
    ) -> None:
        start, end = lexemes[0].start, lexemes[-1].end
        if not (opened and at_end(error)):
            if stray is not None and at_end(error):
                self._report_stray(stray, HOW.get(lexemes[0].text))
            else:
                report(self.sink, error, end, start)
            return
        bracket = opened[-1]
        closing = _CLOSING[bracket.text].strip()
        message = f"this {quoted(bracket.text)} is never closed"
        missing = "".join(_CLOSING[each.text] for each in reversed(opened))
        hint = Hint(f"add `{closing}`", missing, (end, end))
        if stray is not None:
            hint = Hint(f"write `{closing}` for the `}}`", missing, (stray.start, stray.end))
        elif lexemes[-1].text in _CONTINUES:
            hint = Hint(f"add `{closing}`", missing, (lexemes[-1].start, end))
        self.sink.add("E0102", bracket.start, bracket.end, message, hint)

    def _is_stray(self, at: int) -> bool:
        """Whether a `}` behind a statement ends nothing, since the section's own comes later."""
        return (
            self.lexemes[at].text == "}"
            and self.tall
            and self.lexemes[at - 1].kind != "line"
            and self.excess[at + 1] > 0
        )

    def _report_stray(self, brace: Lexeme, help_text: str | None = None) -> None:
        hint = Hint(help_text) if help_text else Hint("delete it", "")
        self.sink.add("E0101", brace.start, brace.end, "this `}` closes nothing", hint)

    def _report_unclosed(self, where: str, text: str | None, at: int) -> None:
        hint = Hint(f"add `}}` {where}", text, (at, at))
        brace = self.brace
        self.sink.add("E0102", brace.start, brace.end, "this `{` is never closed", hint)

    def _column(self, lexeme: Lexeme) -> int:
        return lexeme.start - self.sink.text.rfind("\n", 0, lexeme.start) - 1


def _broken(lexemes: list[Lexeme]) -> Broken:
    names = [each.text for each in takewhile(lambda each: each.kind == "name", lexemes)]
    swallows = any(each.text == "block" for each in lexemes[1:])
    return Broken(tuple(names), swallows)


def at_end(error: UnexpectedInput) -> bool:
    """Whether Lark only misses what should follow."""
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"
