"""Text -> syntax tree, by Lark (LALR, contextual lexer) and grammar/arch.lark.

The tree is built while parsing: callbacks replace Lark's own tree, which saves a third of the time
and needs no visitor that could recurse. Positions come from the tokens themselves.
"""

import re
from contextlib import suppress
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import Any

from lark import Lark, TextSlice, Token, Transformer, UnexpectedInput
from lark.exceptions import UnexpectedCharacters, UnexpectedToken

from aira_dsl.files import cache_folder
from aira_dsl.language.sink import Hint, Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.tree import (
    Change,
    Definition,
    Group,
    Item,
    Override,
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
    "_NEWLINE": "the end of the line",
    "_SPACE": "a space",
    "_COMMENT": "a comment",
    "$END": "the end of the text",
}
"""How a person calls each terminal of the grammar."""

_QUOTED = re.compile(r"([\"'])([^\"'\n]*)\1")
_BLOCK_START = {"NAME", "INT", "LPAR"}
_LOOKALIKES = dict.fromkeys("‐‑‒–—−·•", "-") | dict.fromkeys("✕✖⨯⋅∙", "×") | {"\u00a0": "a space"}


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
        return Parameter(*children)

    def repeat(self, children: list[Any]) -> Repeat:
        return Repeat(*children) if len(children) == 2 else Repeat(None, children[0])

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
    with suppress(OSError):  # a cache that can not be written costs a little time, no more
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


def report(sink: Sink, error: UnexpectedInput, end: int) -> None:
    """Say in a user's words what Lark did not expect.

    Args:
        end: where the parsed piece of the text ends; Lark reports its end at the last token.
    """
    if isinstance(error, UnexpectedCharacters):
        _report_character(sink, error.pos_in_stream or 0)
        return
    assert isinstance(error, UnexpectedToken)
    token = error.token
    expected = set(error.accepts or error.expected)
    if "$END" in expected and end < len(sink.text.rstrip()):  # only a statement was parsed
        expected = expected - {"$END"} | {"_NEWLINE"}
    if token.type == "$END":
        start, found = end, WORDS["$END"] if end >= len(sink.text.rstrip()) else WORDS["_NEWLINE"]
        stop = end
    else:
        start, stop = start_of(token), end_of(token)
        found = WORDS["_NEWLINE"] if token.type == "_NEWLINE" else quoted(token)
        stop = start if token.type == "_NEWLINE" else stop
    sink.add(
        "E0101",
        start,
        stop,
        f"expected {_alternatives(expected)}, found {found}",
        _hint(token, expected),
    )


def _report_character(sink: Sink, at: int) -> None:
    character = sink.text[at]
    name = quoted(character) if character.isprintable() else f"U+{ord(character):04X}"
    twin = _LOOKALIKES.get(character)
    hint = Hint("names use letters, digits and `_`; comments begin with `#`")
    if twin is not None:
        hint = Hint(f"use `{twin}`", twin) if len(twin) == 1 else Hint(f"use {twin}", " ")
    elif character == ":":
        hint = Hint("write `name value`, without `:`", "")
    elif character in "\"'":
        quoted_word = _QUOTED.match(sink.text, at)
        hint = Hint('words are written without quotes, paths with `"`')
        if quoted_word:
            hint = Hint(hint.text, quoted_word[2], (at, quoted_word.end()))
    sink.add("E0103", at, at + 1, f"the language does not use the character {name}", hint)


def _alternatives(expected: set[str]) -> str:
    """Name what would have been right, as short as it stays true."""
    rest = set(expected)
    words = []
    if rest >= _BLOCK_START:
        after_key = "STRING" in rest
        words.append("a value" if after_key else "a block or a group")
        rest -= _BLOCK_START | {"FLOAT", "STRING"}
    elif rest >= {"INT", "FLOAT", "NAME"}:
        words.append("a value")
        rest -= {"INT", "FLOAT", "NAME"}
    # A line end is always possible before a name or a block; nobody misses it.
    rest -= {"_NEWLINE"} if words or "NAME" in rest else set()
    rest -= {"$END"} if words or len(rest) > 1 else set()
    words += [WORDS[terminal] for terminal in WORDS if terminal in rest]
    return " or ".join([", ".join(words[:-1]), words[-1]]) if len(words) > 1 else words[0]


def _hint(token: Token, expected: set[str]) -> Hint | None:
    """Recognize the classic mistakes."""
    start = token.start_pos or 0
    hint: Hint | None = None
    match token.type:
        case "_EQUALS":
            hint = Hint("settings and parameters are written `name value`, without `=`", "")
        case "STRING":
            hint = Hint("words and numbers are written without quotes", token[1:-1] or None)
        case "_DASH" if "LBRACE" in expected:
            hint = Hint("names use letters, digits and `_`")
        case "_DASH" if "STRING" in expected:
            hint = Hint("no value in the language is negative")
        case "LBRACE" if expected & {"_DASH", "LPAR"}:
            hint = Hint("a block is defined by `block NAME = KIND { … }`")
        case "NAME" | "INT" if {"_COMMA", "RBRACE"} <= expected:
            hint = Hint("separate parameters by `,` or by a line end", ", ", (start, start))
    return hint
