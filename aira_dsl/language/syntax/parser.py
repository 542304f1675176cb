"""Text -> syntax tree, by Lark (LALR, contextual lexer) and grammar/arch.lark.

The tree is built while parsing: callbacks replace Lark's own tree, which saves a third of the time
and needs no visitor that could recurse. Positions come from the tokens themselves.
"""

from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lark import Lark, TextSlice, Token, Transformer

from aira_dsl.language.syntax.tree import (
    Alternatives,
    Change,
    Definition,
    Group,
    Item,
    Override,
    Parallel,
    Parameter,
    Parameters,
    Pattern,
    Repeat,
    Section,
    Span,
    Statement,
    end_of,
    start_of,
)
from aira_dsl.utils.files import cache_folder

WORDS = {
    "NAME": "a name",
    "INT": "a whole number",
    "FLOAT": "a decimal number",
    "STRING": "a path in quotes",
    "LBRACE": "`{`",
    "RBRACE": "`}`",
    "LPAR": "`(`",
    "RPAR": "`)`",
    "_EQUALS": "`=`",
    "_COMMA": "`,`",
    "_DASH": "`-`",
    "_TIMES": "`×`",
    "_BAR": "`|`",
    "_NEWLINE": "the end of the line",
    "_SPACE": "a space",
    "_COMMENT": "a comment",
    "$END": "the end of the text",
}
"""How a person calls each terminal of the grammar."""


class _Build(Transformer[Token, Any]):
    """Lark's callbacks: one per rule, each gets the children that carry meaning."""

    def file(self, children: list[Section]) -> tuple[Section, ...]:
        return tuple(children)

    def item(self, children: list[Item]) -> Item:
        return children[0]

    def pattern(self, children: list[Repeat]) -> Pattern:
        return tuple(children)

    def section(self, children: list[Any]) -> Section:
        brace = next(i for i, each in enumerate(children) if each.type == "LBRACE")
        name = _joined(children[1:brace]) if brace > 1 else None
        items = tuple(children[brace + 1 : -1])
        return Section(children[0], name, items, start_of(children[brace]), end_of(children[-1]))

    def statement(self, children: list[Any]) -> Statement:
        key, first = children[0], children[1]
        return Statement(key, first if isinstance(first, Token) else tuple(children[1:]))

    def definition(self, children: list[Any]) -> Definition:
        word, name, *value = children
        parameters = value.pop() if isinstance(value[-1], Parameters) else None
        return Definition(word, name, tuple(value), parameters)

    def change(self, children: list[Any]) -> Change:
        return Change(*children)

    def override(self, children: list[Any]) -> Override:
        return Override(children[0], tuple(children[1:-1]), children[-1])

    def span(self, children: list[Token]) -> Span:
        return Span(children[0], children[-1])

    def parameters(self, children: list[Any]) -> Parameters:
        return Parameters(tuple(children[1:-1]), start_of(children[0]), end_of(children[-1]))

    def parameter(self, children: list[Token]) -> Parameter:
        key, *values = children
        return Parameter(key, Alternatives.of(values) if values[1:] else values[0])

    def repeat(self, children: list[Any]) -> Repeat:
        return Repeat(*children) if len(children) == 2 else Repeat(None, children[0])

    def parallel(self, children: list[Token]) -> Parallel:
        return Parallel(tuple(children[1:-1]), start_of(children[0]), end_of(children[-1]))

    def group(self, children: list[Any]) -> Group:
        return Group(tuple(children[1:-1]), start_of(children[0]), end_of(children[-1]))


def _joined(words: list[Token]) -> Token:
    """Make one token of `1` and `b`, the two words that the lexer sees in the name `1b`."""
    first, last = words[0], words[-1]
    return Token("NAME", "".join(words), start_pos=first.start_pos, end_pos=last.end_pos)


def _grammar() -> str:
    folder = Path(str(import_module("aira_dsl.grammar").__file__)).parent
    return (folder / "arch.lark").read_text(encoding="utf-8")


@cache
def parser() -> Lark:
    """Build the parser, once; its tables are kept, since making them takes as long as the rest."""
    tables = cache_folder() / "grammar.tables"
    with suppress(OSError):  # a cache that cannot be written costs a little time, no more
        tables.parent.mkdir(parents=True, exist_ok=True)
    return Lark(
        _grammar(),
        cache=str(tables),  # Lark checks that they are of this grammar and version
        parser="lalr",
        lexer="contextual",
        start=["file", "item", "pattern"],
        transformer=_Build(),
        maybe_placeholders=False,
    )


def parse_file(text: str, start: int = 0, end: int | None = None) -> tuple[Section, ...]:
    """Parse `text[start:end]` as a whole file; raises Lark's UnexpectedInput."""
    part = TextSlice(text, start, len(text) if end is None else end)
    sections: tuple[Section, ...] = parser().parse(part, start="file")  # type: ignore[assignment]
    return sections


def parse_item(text: str, start: int, end: int) -> Item:
    """Parse `text[start:end]` as one statement; raises Lark's UnexpectedInput."""
    item: Item = parser().parse(TextSlice(text, start, end), start="item")  # type: ignore[assignment]
    return item


def parse_pattern(text: str, start: int = 0, end: int | None = None) -> Pattern:
    """Parse `text[start:end]` as nothing but a pattern; raises Lark's UnexpectedInput."""
    part = TextSlice(text, start, len(text) if end is None else end)
    pattern: Pattern = parser().parse(part, start="pattern")  # type: ignore[assignment]
    return pattern
