"""Canonical layout of one statement: what `fmt` writes between the line ends.

Comments are only possible where the grammar allows a line end, so each belongs after a piece of its
statement; a statement with comments inside takes several lines, any other takes one.
"""

import re
from collections.abc import Iterable
from typing import NamedTuple

from lark import Token

from aira_dsl.language.syntax.tree import (
    Change,
    Definition,
    Group,
    Item,
    Override,
    Parallel,
    Parameter,
    Parameters,
    Pattern,
    Span,
    Statement,
    end_of,
    start_of,
)

WIDTH = 100
_INDENT, _DEEPER = "  ", "    "

# `2e3` and `2_0` are numbers: blocks with such names are repeated with a sign, `2×e3`.
_READS_AS_NUMBER = re.compile(r"[eE]([0-9].*)?|_[0-9].*")


class Comment(NamedTuple):
    """`# …` and its place."""

    start: int
    text: str
    own_line: bool


class Piece(NamedTuple):
    """A part of a pattern after which a line may end, and where it ends in the source."""

    text: str
    end: int


def repeat(count: str, name: str) -> str:
    """Write a repeated block: `2Mb`, but `2×e3`."""
    sign = "×" if _READS_AS_NUMBER.fullmatch(name) else ""
    return f"{count}{sign}{name}"


class Columns(NamedTuple):
    """How wide the names and the kinds of a section's blocks are, so that they line up."""

    name: int
    kind: int

    @classmethod
    def of(cls, items: Iterable[Item]) -> "Columns":
        """Measure the blocks among some statements."""
        blocks = [each for each in items if isinstance(each, Definition) and each.word == "block"]
        return cls(
            max((len(each.name) for each in blocks), default=0),
            max((len(each.kind or "") for each in blocks), default=0),
        )


def lay_out(item: Item, comments: list[Comment], columns: Columns) -> list[str]:
    """Lay out one statement with the comments inside it."""
    if isinstance(item, Definition):
        return _definition(item, comments, columns)
    if isinstance(item, Change):
        return _with_parameters(f"{_INDENT}{item.word} {item.name} ", item.parameters, comments)
    if isinstance(item, Override):
        spans = ", ".join(_span(each) for each in item.spans)
        return _with_parameters(f"{_INDENT}{item.word} {spans} ", item.parameters, comments)
    assert isinstance(item, Statement), "the text was checked"
    head = f"{_INDENT}{item.key} "
    if isinstance(item.value, Token):
        return [head + item.value]
    return _fill(head, pieces(item.value), comments)


def _definition(item: Definition, comments: list[Comment], columns: Columns) -> list[str]:
    """Lay out `block M  = mlp       { hidden 258 }` or `pattern Unit = 2A-M`."""
    if item.word == "pattern":
        return _fill(f"{_INDENT}{item.word} {item.name} = ", pieces(item.value), comments)
    head = f"{_INDENT}{item.word} {item.name:<{columns.name}} = "
    if item.parameters is None or not (item.parameters.items or comments):
        return [f"{head}{item.kind}"]
    return _with_parameters(f"{head}{item.kind:<{columns.kind}} ", item.parameters, comments)


def _span(span: Span) -> str:
    first, last = int(span.first), int(span.last)
    return str(first) if first == last else f"{first}-{last}"


def _with_parameters(head: str, parameters: Parameters, comments: list[Comment]) -> list[str]:
    if comments:
        return [*_open(f"{head}{{", parameters.items, comments), f"{_INDENT}}}"]
    inside = ", ".join(f"{key} {value}" for key, value in parameters.items)
    return [f"{head}{{ {inside} }}" if inside else f"{head}{{}}"]


def _open(first: str, parameters: tuple[Parameter, ...], comments: list[Comment]) -> list[str]:
    """Write parameters one a line, each comment where it was."""
    lines, rest = [first], list(comments)
    for parameter in parameters:
        rest = _place(lines, rest, start_of(parameter.key))
        lines.append(f"{_DEEPER}{parameter.key} {parameter.value}")
    _place(lines, rest, None)
    return lines


def _place(lines: list[str], comments: list[Comment], before: int | None) -> list[Comment]:
    """Write the comments before an offset; return the others."""
    now = [each for each in comments if before is None or each.start < before]
    for comment in now:
        if comment.own_line:
            lines.append(_DEEPER + comment.text)
        else:
            lines[-1] += "  " + comment.text
    return comments[len(now) :]


def pieces(pattern: Pattern) -> list[Piece]:
    """Cut a pattern into its pieces: `5×(`, `2A-`, `M`, `)-`, `A`."""
    found: list[Piece] = []
    for index, each in enumerate(pattern):
        count = "" if each.times is None else str(int(each.times))
        if isinstance(each.body, Group):
            found.append(Piece(f"{count}×(" if count else "(", each.body.start + 1))
            found += pieces(each.body.items)
            found.append(Piece(")", each.body.end))
        elif isinstance(each.body, Parallel):
            text = f"{count}×({each.body})" if count else f"({each.body})"
            found.append(Piece(text, each.body.end))
        else:
            found.append(Piece(repeat(count, each.body) if count else each.body, end_of(each.body)))
        if index + 1 < len(pattern):
            found[-1] = Piece(found[-1].text + "-", found[-1].end)
    return found


def _fill(head: str, parts: list[Piece], comments: list[Comment]) -> list[str]:
    """Fill lines with pieces; a line ends after a comment, or after a separator when it is full."""
    lines: list[str] = []
    line, rest = head, list(comments)
    for piece in parts:
        while rest and rest[0].start < piece.end:
            line = _comment(lines, line, rest.pop(0))
        full = len(line) + len(piece.text) > WIDTH and line.endswith("-")
        if full and not piece.text.startswith(")"):
            lines.append(line)
            line = _DEEPER
        line += piece.text
    return [*lines, line]


def _comment(lines: list[str], line: str, comment: Comment) -> str:
    """Write a comment after the pieces so far, and begin the next line."""
    if not comment.own_line:
        lines.append(f"{line}  {comment.text}")
        return _DEEPER
    if line.strip():
        lines.append(line)
    lines.append(_DEEPER + comment.text)
    return _DEEPER
