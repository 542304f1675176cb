"""The outline of a text: its sections, statements and words, right or wrong.

`cutter` makes it. The editor reads it, and after a syntax error `recover` parses its statements.
"""

import re
from collections.abc import Iterator
from typing import NamedTuple

from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.language.vocabulary import PATTERNS, SECTIONS

_PATH = re.compile(r'[^"\n]*"([^"\n]*)')


class Item(NamedTuple):
    """One statement.

    Attributes:
        words: names, numbers and marks; line ends too, inside brackets.
        opened: brackets that are never closed.
        finished: whether anything follows it.
        stray: a `}` after it on the same line that closes nothing, or None.
    """

    words: tuple[Lexeme, ...]
    opened: tuple[Lexeme, ...]
    finished: bool
    stray: Lexeme | None = None

    @property
    def key(self) -> str:
        """The first word."""
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
        """The name in a `block` or `pattern` statement."""
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
        first = 1 if self.key in PATTERNS else 3 if self.key == "pattern" and self.defines else None
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
        inner: sections that begin inside it, which the language does not have.
        strays: each `}` between its statements that closes nothing.
    """

    header: tuple[Lexeme, ...]
    items: tuple[Item, ...]
    open: int | None
    end: int
    closed: bool
    inner: tuple["Part", ...] = ()
    strays: tuple[Lexeme, ...] = ()

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
    """A whole text.

    Attributes:
        parts: its sections, and lines outside of them that begin with a word.
        words: all its words, with comments and line ends.
        strays: marks outside of any section.
        foreign: fences of Markdown and comments of other notations outside of any section.
    """

    parts: tuple[Part, ...]
    words: tuple[Lexeme, ...]
    strays: tuple[Lexeme, ...]
    foreign: tuple[Lexeme, ...]

    @property
    def sections(self) -> Iterator[Part]:
        """The sections, those inside of others too."""
        for part in self.parts:
            yield part
            yield from part.inner

    @property
    def main(self) -> Part | None:
        """The architecture or the space."""
        found = (each for each in self.sections if each.kind != "scale" and each.open is not None)
        return next(found, None)

    def at(self, offset: int) -> tuple[Part | None, Item | None]:
        """Return the section and the statement that hold an offset."""
        found = [each for each in self.sections if each.start <= offset <= each.end]
        part = max(found, key=lambda each: each.start, default=None)
        items = part.items if part else ()
        return part, next((each for each in items if each.start <= offset <= each.end), None)

    def word_at(self, offset: int) -> Lexeme | None:
        """Return the name, number or comment that holds an offset or ends at it."""
        found = [each for each in self.words if each.start <= offset <= each.end]
        named = [each for each in found if each.kind == "name"]
        return next(iter([*named, *found]), None)


def path_in(item: Item, text: str) -> tuple[str, int] | None:
    """Return the path of an `extends` statement and its offset, if a quote was opened."""
    match = _PATH.match(text, item.words[0].end)
    return (match[1], match.start(1)) if match else None
