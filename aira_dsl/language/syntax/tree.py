"""The syntax tree: what was written and where, before anyone asks what it means.

Words are Lark tokens: strings that know their offsets (`start_pos`, `end_pos`). Named tuples,
because they are the cheapest immutable records that Python builds.
"""

from collections.abc import Sequence
from typing import NamedTuple, TypeAlias

from lark import Token


def start_of(token: Token) -> int:
    """Offset of a token's first character."""
    assert token.start_pos is not None
    return token.start_pos


def end_of(token: Token) -> int:
    """Offset after a token's last character."""
    assert token.end_pos is not None
    return token.end_pos


class Group(NamedTuple):
    """`( … )`."""

    items: tuple["Repeat", ...]
    start: int
    end: int


class Parallel(NamedTuple):
    """`(A|Mb)`: blocks that make up one layer."""

    branches: tuple[Token, ...]
    start: int
    end: int

    def __str__(self) -> str:
        return "|".join(self.branches)


class Repeat(NamedTuple):
    """A layer or a group with its count: `A`, `2Mb`, `3×(A-M)`; a FLOAT token has no count."""

    times: Token | None
    body: Token | Parallel | Group

    @property
    def start(self) -> int:
        """Offset of the first character."""
        if self.times is not None:
            return start_of(self.times)
        return start_of(self.body) if isinstance(self.body, Token) else self.body.start

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return end_of(self.body) if isinstance(self.body, Token) else self.body.end

    @property
    def words(self) -> tuple[Token, ...]:
        """The names of a layer's blocks; none of a group."""
        if isinstance(self.body, Token):
            return (self.body,)
        return self.body.branches if isinstance(self.body, Parallel) else ()


Pattern: TypeAlias = tuple[Repeat, ...]


class Statement(NamedTuple):
    """`NAME value`; the value is a whole number or a pattern."""

    key: Token
    value: Token | Pattern

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return start_of(self.key)

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return end_of(self.value) if isinstance(self.value, Token) else self.value[-1].end


class Alternatives(Token):
    """`64|128`: the values of a parameter of which a space has a block each."""

    values: tuple[Token, ...]

    @classmethod
    def of(cls, values: Sequence[Token]) -> "Alternatives":
        """Make one word of several; it reads as they are written, without spaces."""
        start, end = start_of(values[0]), end_of(values[-1])
        made = cls("CHOICE", "|".join(values), start_pos=start, end_pos=end)
        made.values = tuple(values)
        return made


class Parameter(NamedTuple):
    """`NAME value` inside a block's braces; in a space it may have several values."""

    key: Token
    value: Token


class Parameters(NamedTuple):
    """`{ … }` of a block."""

    items: tuple[Parameter, ...]
    start: int
    end: int


class Definition(NamedTuple):
    """`block NAME = KIND { … }` or `pattern NAME = PATTERN`."""

    word: Token
    name: Token
    value: Pattern
    parameters: Parameters | None

    @property
    def kind(self) -> Token | None:
        """The one plain word after the `=`, which a block needs; None if there is more."""
        return only_word(self.value)

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return start_of(self.word)

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.value[-1].end if self.parameters is None else self.parameters.end


class Change(NamedTuple):
    """`block NAME { … }`: other parameters for a block that is defined elsewhere."""

    word: Token
    name: Token
    parameters: Parameters

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return start_of(self.word)

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.parameters.end


class Span(NamedTuple):
    """`7` or `7-9`: numbers of layers, the first layer is 1."""

    first: Token
    last: Token


class Override(NamedTuple):
    """`layer 3, 7-9 { … }`: other parameters for the blocks of some layers."""

    word: Token
    spans: tuple[Span, ...]
    parameters: Parameters

    @property
    def start(self) -> int:
        """Offset of the first character."""
        return start_of(self.word)

    @property
    def end(self) -> int:
        """Offset after the last character."""
        return self.parameters.end


class Broken(NamedTuple):
    """A statement that could not be read; its first words still say what it was about."""

    words: tuple[str, ...]
    swallows: bool  # a definition after it on the same line, which is lost with it


Item: TypeAlias = Statement | Definition | Change | Override | Broken


class Section(NamedTuple):
    """`NAME NAME { … }`: an architecture, a space, or one of its scales."""

    word: Token
    name: Token | None
    items: tuple[Item, ...]
    open: int
    end: int


def only_word(pattern: Pattern) -> Token | None:
    """Return the word of a pattern that is nothing but one word or number, or None."""
    first = pattern[0]
    alone = len(pattern) == 1 and first.times is None and isinstance(first.body, Token)
    return first.body if alone and isinstance(first.body, Token) else None
