"""The statements of a section, after a syntax error: each is parsed on its own."""

from collections.abc import Iterator
from itertools import takewhile

from lark import UnexpectedInput
from lark.exceptions import UnexpectedToken

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.syntax import outline
from aira_dsl.language.syntax.cutter import CONTINUES
from aira_dsl.language.syntax.parser import parse_item
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import Broken, Item
from aira_dsl.language.vocabulary import STATEMENTS

_CLOSING = {"(": ")", "{": " }"}


def read_items(sink: Sink, part: outline.Part) -> Iterator[Item]:
    """Parse the statements of a section, and report those that cannot be read.

    Args:
        sink: holds the text and receives the diagnostics.
        part: one section of the text's outline.
    """
    for item in part.items:
        if sink.exhausted:
            return
        yield from _read(sink, item)
    for inner in part.inner:
        word = inner.header[0]
        message = f"`{word.text}` begins a section of its own"
        help_text = "write it after the last line of this section"
        sink.add("E0216", word.start, word.end, message, help_text)
        yield Broken((), False)
    for brace in part.strays:
        _report_stray(sink, brace)


def _read(sink: Sink, item: outline.Item) -> Iterator[Item]:
    """Parse one statement, with the `}` after it that closes nothing."""
    lexemes = [each for each in item.words if each.kind != "line"]
    try:
        yield parse_item(sink.text, lexemes[0].start, lexemes[-1].end)
    except UnexpectedInput as error:
        pieces = _pieces(sink, lexemes, error)
        if len(pieces) > 1:
            yield from (_parse_piece(sink, piece) for piece in pieces)
            return
        _report(sink, lexemes, item, error)
        yield _broken(lexemes)
    else:
        if item.stray is not None:
            _report_stray(sink, item.stray)


def _pieces(sink: Sink, lexemes: list[Lexeme], error: UnexpectedInput) -> list[list[Lexeme]]:
    """Cut a line where another statement begins, and report that it needs a line end there."""
    stop = lexemes[-1].end if at_end(error) else error.pos_in_stream or 0
    cuts, depth = [0], 0
    for i, each in enumerate(lexemes[:-1]):
        depth += (each.text in "({") - (each.text in ")}")
        before = lexemes[max(0, i - 1)]
        inside = depth or before.text in CONTINUES - {","} or before.end == each.start
        if each.start > stop or inside or i < cuts[-1] + 2:
            continue
        if each.text in STATEMENTS and lexemes[i + 1].kind in {"name", "number"}:
            cuts.append(i)
    for i in cuts[1:]:
        word, last = lexemes[i], lexemes[i - 1]
        after = lexemes[i - 2].end if last.text == "," else last.end
        message = f"`{word.text}` begins a statement of its own"
        hint = Hint("begin a new line, or write `;` before it", "; ", (after, word.start))
        sink.add("E0101", word.start, word.end, message, hint)
    return [lexemes[i:j] for i, j in zip(cuts, [*cuts[1:], len(lexemes)], strict=True)]


def _parse_piece(sink: Sink, lexemes: list[Lexeme]) -> Item:
    """Parse a part of a line whose mistake is known."""
    if lexemes[-1].text == ",":
        lexemes = lexemes[:-1]
    try:
        return parse_item(sink.text, lexemes[0].start, lexemes[-1].end)
    except UnexpectedInput:
        return _broken(lexemes)


def _report(sink: Sink, lexemes: list[Lexeme], item: outline.Item, error: UnexpectedInput) -> None:
    start, end = lexemes[0].start, lexemes[-1].end
    if not (item.opened and at_end(error)):
        if item.stray is not None and at_end(error):
            _report_stray(sink, item.stray, HOW.get(lexemes[0].text))
        else:
            report(sink, error, end, start)
        return
    bracket = item.opened[-1]
    closing = _CLOSING[bracket.text].strip()
    message = f"this {quoted(bracket.text)} is never closed"
    missing = "".join(_CLOSING[each.text] for each in reversed(item.opened))
    hint = Hint(f"add `{closing}`", missing, (end, end))
    if item.stray is not None:
        hint = Hint(f"write `{closing}` for the `}}`", missing, (item.stray.start, item.stray.end))
    elif lexemes[-1].text in CONTINUES:
        hint = Hint(f"add `{closing}`", missing, (lexemes[-1].start, end))
    sink.add("E0102", bracket.start, bracket.end, message, hint)


def _report_stray(sink: Sink, brace: Lexeme, help_text: str | None = None) -> None:
    hint = Hint(help_text) if help_text else Hint("delete it", "")
    sink.add("E0101", brace.start, brace.end, "this `}` closes nothing", hint)


def _broken(lexemes: list[Lexeme]) -> Broken:
    names = [each.text for each in takewhile(lambda each: each.kind == "name", lexemes)]
    swallows = any(each.text == "block" for each in lexemes[1:])
    return Broken(tuple(names), swallows)


def at_end(error: UnexpectedInput) -> bool:
    """Whether Lark only misses what should follow."""
    return isinstance(error, UnexpectedToken) and error.token.type == "$END"
