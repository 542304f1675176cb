"""Any text -> sections and statements, however broken it is.

The parser says what is right; this says what is there. Both agree on correct texts. After a bracket
that was never closed, a line that begins like a statement or a section ends what went before, which
is the rule of `aira_dsl.language.syntax.recover`.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from typing import NamedTuple

from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.syntax.scan import Lexeme, scan
from aira_dsl.language.vocabulary import LAYERS, SECTIONS, STATEMENTS

_PAIRS = {")": "(", "}": "{"}
_CONTINUES = {"-", "+", ",", "×", "*", "="}
_FLOAT = re.compile(r"[0-9]+(_[0-9]+)*(\.[0-9]|[eE][-+]?[0-9])")
_REPEATED = re.compile(r"([0-9]+(?:_[0-9]+)*)([A-Za-z_]\w*)", re.ASCII)
_PATH = re.compile(r'[^"\n]*"([^"\n]*)')


class Item(NamedTuple):
    """One statement.

    Attributes:
        words: names, numbers and marks; line ends too, inside brackets.
        opened: brackets that were not closed.
        finished: whether anything came after it.
    """

    words: tuple[Lexeme, ...]
    opened: tuple[Lexeme, ...]
    finished: bool

    @property
    def key(self) -> str:
        """The word that begins it."""
        return self.words[0].text

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.words[0].start

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.words[-1].end

    @property
    def name(self) -> Lexeme | None:
        """What a `block` or `pattern` statement is about."""
        named = self.key in {"block", "pattern"} and len(self.words) > 1
        return self.words[1] if named and self.words[1].kind == "name" else None

    @property
    def defines(self) -> bool:
        """Whether it is a definition, and not a change."""
        return self.name is not None and len(self.words) > 2 and self.words[2].text == "="

    @property
    def kind(self) -> Lexeme | None:
        """The kind of a block that is defined."""
        known = self.key == "block" and self.defines and len(self.words) > 3
        return self.words[3] if known and self.words[3].kind == "name" else None

    @property
    def brace(self) -> int | None:
        """Index of the word `{`."""
        return next((i for i, each in enumerate(self.words) if each.text == "{"), None)

    @property
    def used(self) -> list[Lexeme]:
        """The names in its pattern."""
        first = 1 if self.key == LAYERS else 3 if self.key == "pattern" and self.defines else None
        if first is None:
            return []
        return [each for each in self.words[first:] if each.kind == "name"]


class Part(NamedTuple):
    """One section.

    Attributes:
        header: the words before `{`.
        items: its statements.
        open: offset of `{`, or None if there is none.
        end: offset after `}`, or of the end of the last statement.
        closed: whether there is a `}`.
    """

    header: tuple[Lexeme, ...]
    items: tuple[Item, ...]
    open: int | None
    end: int
    closed: bool

    @property
    def kind(self) -> str:
        """A key of `SECTIONS`: what the word says, or most likely means."""
        word = self.header[0].text
        return word if word in SECTIONS else nearest(word, SECTIONS) or "architecture"

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return self.header[0].start

    @property
    def name(self) -> Lexeme | None:
        """The name as one word, `1b` too."""
        words = self.header[1:]
        if not words:
            return None
        text = "".join(each.text for each in words)
        return Lexeme("name", text, words[0].start, words[-1].end)

    def item(self, key: str) -> Item | None:
        """Return the first statement that begins with a word."""
        return next((each for each in self.items if each.key == key), None)

    def definition(self, name: str) -> Item | None:
        """Return the first definition of a block or a pattern."""
        found = (each for each in self.items if each.defines and each.name is not None)
        return next((each for each in found if each.name and each.name.text == name), None)


class Outline(NamedTuple):
    """All sections of a text, and all its words with comments and line ends."""

    parts: tuple[Part, ...]
    words: tuple[Lexeme, ...]

    @property
    def main(self) -> Part | None:
        """The architecture or the space."""
        found = (each for each in self.parts if each.kind != "scale" and each.open is not None)
        return next(found, None)

    def at(self, offset: int) -> tuple[Part | None, Item | None]:
        """Return the section and the statement that hold an offset."""
        part = next((each for each in self.parts if each.start <= offset <= each.end), None)
        items = part.items if part else ()
        return part, next((each for each in items if each.start <= offset <= each.end), None)

    def word_at(self, offset: int) -> Lexeme | None:
        """Return the name, number or comment that an offset is in, or just behind."""
        found = [each for each in self.words if each.start <= offset <= each.end]
        named = [each for each in found if each.kind == "name"]
        return next(iter([*named, *found]), None)


@lru_cache(maxsize=16)
def outline(text: str) -> Outline:
    """Cut a text; never fails."""
    words = tuple(_split(text))
    return Outline(tuple(_Cutter([each for each in words if each.kind != "comment"]).run()), words)


def path_in(item: Item, text: str) -> tuple[str, int] | None:
    """Return the path of an `extends` statement and its offset, if a quote was opened."""
    match = _PATH.match(text, item.words[0].end)
    return (match[1], match.start(1)) if match else None


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

    def __init__(self, words: list[Lexeme]) -> None:
        self.words = words
        self.at = 0

    def run(self) -> Iterator[Part]:
        while self.at < len(self.words):
            if self.words[self.at].kind in {"line", "mark"}:
                self.at += 1
            else:
                yield self._part()

    def _part(self) -> Part:
        header: list[Lexeme] = []
        while self.at < len(self.words):
            each = self.words[self.at]
            self.at += 1
            if each.text == "{":
                items = tuple(self._items())
                closed = self.at < len(self.words) and self.words[self.at].text == "}"
                last = self.words[self.at] if closed else self.words[self.at - 1]
                self.at += closed
                return Part(tuple(header), items, each.start, last.end, closed)
            if each.kind == "line":
                break
            header.append(each)
        return Part(tuple(header), (), None, header[-1].end, False)

    def _items(self) -> Iterator[Item]:
        while self.at < len(self.words) and self.words[self.at].text != "}":
            if self.words[self.at].kind == "line":
                self.at += 1
            elif self._section_at(self.at):
                return
            else:
                yield self._item()

    def _item(self) -> Item:
        words: list[Lexeme] = []
        opened: list[Lexeme] = []
        while self.at < len(self.words):
            each = self.words[self.at]
            if each.kind == "line" and self._ends(_last(words), opened):
                return Item(tuple(words), tuple(opened), True)
            if each.text == "}" and not any(bracket.text == "{" for bracket in opened):
                return Item(tuple(words), tuple(opened), True)
            if each.text in {"(", "{"}:
                opened.append(each)
            elif opened and _PAIRS.get(each.text) == opened[-1].text:
                opened.pop()
            words.append(each)
            self.at += 1
        return Item(tuple(words), tuple(opened), False)

    def _ends(self, last: Lexeme, opened: list[Lexeme]) -> bool:
        """Whether the line end at hand finishes the statement."""
        if not opened and last.text not in _CONTINUES:
            return True
        following = self.words[self.at + 1 : self.at + 2]
        begins = bool(following) and following[0].text in STATEMENTS
        return begins or self._section_at(self.at + 1)

    def _section_at(self, at: int) -> bool:
        """Whether a section begins here: its word, at most a name, and `{`."""
        words = self.words[at : at + 4]
        if not words or words[0].text not in SECTIONS:
            return False
        brace = next((i for i, each in enumerate(words) if each.text == "{"), None)
        return brace is not None and all(each.kind in {"name", "number"} for each in words[:brace])


def _last(words: list[Lexeme]) -> Lexeme:
    """Return the last word; a comment on a line of its own leaves two line ends in a row."""
    return next(each for each in reversed(words) if each.kind != "line")
