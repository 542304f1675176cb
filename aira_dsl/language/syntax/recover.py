"""After a syntax error: read the text section by section, so that one run shows every mistake."""

import re
from collections.abc import Collection
from itertools import accumulate

from lark import Token, UnexpectedInput

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.syntax.body import Body, at_end
from aira_dsl.language.syntax.parser import parse_file
from aira_dsl.language.syntax.scan import Lexeme, scan
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import Item, Section
from aira_dsl.language.vocabulary import SECTIONS

_CONFLICT = re.compile(r"^(?:<{7}|>{7}) .*", re.MULTILINE)
_FENCE = re.compile(r"```.*\n?")


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
    if conflict := _CONFLICT.search(sink.text):
        message, help_text = "a merge conflict is not settled", "keep one version, and no marks"
        sink.add("E0101", *conflict.span(), message, help_text)
        return None
    lexemes = [each for each in scan(sink.text) if each.kind != "comment"]
    if all(each.kind == "line" for each in lexemes):
        sink.add("E0107", 0, 0, "the text holds comments only", "write `architecture NAME { … }`")
        return None
    steps = [(each.text == "}") - (each.text == "{") for each in reversed(lexemes)]
    excess = [*reversed([*accumulate(steps)]), 0]
    sections: list[Section] = []
    at = _after_lines(lexemes, 0)
    while at < len(lexemes) and not sink.exhausted:
        if _FENCE.match(sink.text, lexemes[at].start):
            at = _after_fence(sink, lexemes, at)
            continue
        brace = _opening(lexemes, at)
        if brace is None:
            _report_rest(sink, lexemes[at:], bool(sections), statements)
            break
        _check_header(sink, lexemes[at].start, lexemes[brace].end)
        body = Body(sink, lexemes, brace, excess, statements)
        sections.append(_section(lexemes[at : brace + 1], tuple(body.items())))
        at = _after_lines(lexemes, body.at)
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


def _check_header(sink: Sink, start: int, end: int) -> None:
    """Report a header that Lark can not read; of a good one it only misses what follows."""
    try:
        parse_file(sink.text, start, end)
    except UnexpectedInput as error:
        if not at_end(error):
            report(sink, error, end, start, "header")


def _report_header(sink: Sink, start: int) -> None:
    """Report a header without its `{`."""
    end = len(sink.text.rstrip())
    try:
        parse_file(sink.text, start, end)
    except UnexpectedInput as error:
        report(sink, error, end, start, "header")


def _after_fence(sink: Sink, lexemes: list[Lexeme], at: int) -> int:
    """Report the ``` of a Markdown text; return where its line ends."""
    fence = _FENCE.match(sink.text, lexemes[at].start)
    assert fence is not None, "the caller saw it"
    start, end = fence.span()
    hint = Hint("delete this line", "", (start, end))
    sink.add("E0101", start, start + 3, "marks of Markdown are no part of the text", hint)
    while at < len(lexemes) and lexemes[at].start < end:
        at += 1
    return at


def _section(header: list[Lexeme], items: tuple[Item, ...]) -> Section:
    words = [each for each in header if each.kind != "line"]
    title = "".join(each.text for each in words[1:-1] if each.kind in {"name", "number"})
    name = None
    if title:
        start, end = words[1].start, words[1].start + len(title)
        name = Token("NAME", title, start_pos=start, end_pos=end)
    return Section(_token(words[0]), name, items, words[-1].start, words[-1].end)


def _report_rest(sink: Sink, rest: list[Lexeme], later: bool, statements: Collection[str]) -> None:
    """Report what stands where a section belongs."""
    first = next(each for each in rest if each.kind != "line")
    if first.text in SECTIONS:
        _report_header(sink, first.start)
    elif later:
        message = f"{quoted(first.text)} after the end of the section"
        hint = Hint("delete it", "" if first.text == "}" else None)
        if first.kind == "name":
            hint = Hint("move it into the section, or write `scale NAME { … }`")
        sink.add("E0108", first.start, first.end, message, hint)
    elif first.text in statements:
        message = f"expected a section, found the statement {quoted(first.text)}"
        help_text = "write `architecture NAME {` before it, and `}` at the end"
        sink.add("E0101", first.start, first.end, message, help_text)
    else:
        message = f"expected a section, found {quoted(first.text)}"
        help_text = "a text begins with `architecture NAME {`"
        sink.add("E0101", first.start, first.end, message, help_text)


def _after_lines(lexemes: list[Lexeme], at: int) -> int:
    while at < len(lexemes) and lexemes[at].kind == "line":
        at += 1
    return at


def _token(lexeme: Lexeme) -> Token:
    return Token("NAME", lexeme.text, start_pos=lexeme.start, end_pos=lexeme.end)
