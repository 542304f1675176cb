"""Any text -> sections and statements, however broken it is: the tolerant reader of the language.

The parser decides what is right; the outline says what is there. Both agree on correct texts. The
editor reads outlines, and after a syntax error `recover` parses an outline statement by statement.

- A statement ends at a line end or `;` outside brackets, but for a line end after `-`, `=` or
  another mark that needs more.
- A bracket that is never closed does not swallow what follows: a line that begins like a statement
  or a section ends the statement before it.
- A `}` too many does not end the section if the section's own `}` comes later.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from itertools import accumulate, takewhile

from aira_dsl.language.syntax.outline import Item, Outline, Part
from aira_dsl.language.syntax.scan import Lexeme, scan
from aira_dsl.language.vocabulary import SECTIONS, STATEMENTS

CONTINUES = frozenset({"-", "+", ",", "×", "*", "=", "\\"})
"""Marks after which a statement continues on the next line."""

_PAIRS = {")": "(", "}": "{"}
_FOREIGN = re.compile(r"```.*\n?|//.*|--(?=\s).*|/\*(?s:.*?)(\*/|\Z)|<!--(?s:.*?)(-->|\Z)")
"""A fence of Markdown or a comment of another notation, outside of sections."""

_FLOAT = re.compile(r"[0-9]+(_[0-9]+)*(\.[0-9]|[eE][-+]?[0-9])")
_REPEATED = re.compile(r"([0-9]+(?:_[0-9]+)*)([A-Za-z_]\w*)", re.ASCII)


@lru_cache(maxsize=16)
def outline(text: str) -> Outline:
    """Cut a text into sections and statements; never fails."""
    words = tuple(_split(text))
    return _Cutter(text, words).run()


def _split(text: str) -> Iterator[Lexeme]:
    """Yield the lexemes of a text, with `2Mb` as the two words that it is."""
    for each in scan(text):
        count = _REPEATED.fullmatch(each.text) if each.kind == "number" else None
        if count is None or _FLOAT.match(each.text):
            yield each
        else:
            middle = each.start + count.end(1)
            yield Lexeme("number", count[1], each.start, middle)
            yield Lexeme("name", count[2], middle, each.end)


class _Cutter:
    """One pass over the words."""

    def __init__(self, text: str, words: tuple[Lexeme, ...]) -> None:
        self.text = text
        self.all_words = words
        self.words = [each for each in words if each.kind != "comment"]
        self.at = 0
        # How many more `}` than `{` there are from each word on.
        steps = [(each.text == "}") - (each.text == "{") for each in reversed(self.words)]
        self.excess = [*reversed([*accumulate(steps)]), 0]
        self.strays: list[Lexeme] = []
        self.foreign: list[Lexeme] = []

    def run(self) -> Outline:
        parts: list[Part] = []
        while self.at < len(self.words):
            each = self.words[self.at]
            foreign = _FOREIGN.match(self.text, each.start) if each.kind == "mark" else None
            if foreign is not None:
                self._skip(foreign)
            elif each.kind in {"line", "mark"}:
                self.strays += [each] if each.kind == "mark" else []
                self.at += 1
            else:
                parts.append(self._part(inside=False))
        return Outline(tuple(parts), self.all_words, tuple(self.strays), tuple(self.foreign))

    def _skip(self, foreign: re.Match[str]) -> None:
        self.foreign.append(Lexeme("mark", foreign[0], *foreign.span()))
        while self.at < len(self.words) and self.words[self.at].start < foreign.end():
            self.at += 1

    def _part(self, *, inside: bool) -> Part:
        header: list[Lexeme] = []
        while self.at < len(self.words):
            each = self.words[self.at]
            self.at += 1
            if each.text == "{":
                return self._section(tuple(header), inside)
            if each.kind == "line":
                break
            header.append(each)
        return Part(tuple(header), (), None, header[-1].end, False)

    def _section(self, header: tuple[Lexeme, ...], inside: bool) -> Part:
        """Read a section from the word after its `{`; `inside` another section or not."""
        opening = self.words[self.at - 1].start
        # Where a line ends after the `{`, the section's own `}` is the last one of all.
        tall = any(each.kind == "line" for each in self.words[self.at : self.at + 1])
        items: list[Item] = []
        inner: list[Part] = []
        strays: list[Lexeme] = []
        owed = 0  # `{` of the statements so far that are never closed
        closed = False
        while self.at < len(self.words) and not closed:
            each = self.words[self.at]
            if each.text == "}":
                self.at += 1
                if owed and self.excess[self.at] > 0:
                    owed -= 1
                elif self._is_stray(self.at - 1, tall):
                    strays.append(each)
                else:
                    closed = True
            elif each.kind == "line":
                self.at += 1
            elif not self._section_at(self.at):
                items.append(self._item(tall))
                owed += sum(bracket.text == "{" for bracket in items[-1].opened)
            elif inside or self._column(each) == 0:
                break
            else:
                inner.append(self._part(inside=True))
        end = self.words[self.at - 1].end
        return Part(header, tuple(items), opening, end, closed, tuple(inner), tuple(strays))

    def _item(self, tall: bool) -> Item:
        words, opened = self._statement()
        finished = self.at < len(self.words)
        stray = None
        if finished and self._is_stray(self.at, tall):
            stray = self.words[self.at]
            self.at += 1
        return Item(tuple(words), tuple(opened), finished, stray)

    def _statement(self) -> tuple[list[Lexeme], list[Lexeme]]:
        """Move to the end of a statement; return its words and the brackets still open there."""
        words: list[Lexeme] = []
        opened: list[Lexeme] = []
        while self.at < len(self.words):
            each = self.words[self.at]
            if each.kind == "line" and self._ends(words, opened):
                break
            if each.text == "}" and not any(bracket.text == "{" for bracket in opened):
                break
            if each.text in {"(", "{"}:
                opened.append(each)
            elif opened and _PAIRS.get(each.text) == opened[-1].text:
                opened.pop()
            words.append(each)
            self.at += 1
        return words, opened

    def _ends(self, words: list[Lexeme], opened: list[Lexeme]) -> bool:
        """Whether the line end at hand finishes the statement."""
        following = self.words[self.at + 1 : self.at + 4]
        second = words[1] if len(words) > 1 else self.words[self.at]
        below = words[0].text in STATEMENTS and second.text.startswith(("\n", "\r"))
        below = below and bool(following)  # a value on the lines below its key
        if not (opened or below or _last(words).text in CONTINUES):
            return True
        if not following or following[0].kind != "name":
            return False
        defines = [each.kind for each in following[:2]] == ["name", "name"] and any(
            each.text == "=" for each in following[2:3]
        )
        return defines or following[0].text in STATEMENTS or self._section_at(self.at + 1)

    def _section_at(self, at: int) -> bool:
        """Whether a section begins here: its word, and `{` on the same line."""
        line = takewhile(lambda each: each.kind != "line", self.words[at : at + 5])
        words = [each.text for each in line]
        return bool(words) and words[0] in SECTIONS and "{" in words[1:]

    def _is_stray(self, at: int, tall: bool) -> bool:
        """Whether a `}` after a statement closes nothing, since the section's own comes later."""
        return (
            tall
            and self.words[at].text == "}"
            and self.words[at - 1].kind != "line"
            and self.excess[at + 1] > 0
        )

    def _column(self, word: Lexeme) -> int:
        return word.start - self.text.rfind("\n", 0, word.start) - 1


def _last(words: list[Lexeme]) -> Lexeme:
    """Return the last word; a comment on a line of its own leaves two line ends in a row."""
    return next(each for each in reversed(words) if each.kind != "line")
