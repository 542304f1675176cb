"""After a syntax error: read the text section by section, so that one run shows every mistake."""

import re

from lark import Token, UnexpectedInput

from aira_dsl.architecture import SETTINGS
from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.syntax.body import at_end, read_items
from aira_dsl.language.syntax.cutter import outline
from aira_dsl.language.syntax.outline import Outline, Part
from aira_dsl.language.syntax.parser import parse_file
from aira_dsl.language.syntax.scan import WIDE_BRACKETS, Lexeme
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import Section
from aira_dsl.language.vocabulary import PATTERNS, SECTIONS, STATEMENTS

_COMMENT = re.compile(r"^(//+|--|/\*+|<!--)|\*+/$|-->$")
_OTHER_FORM = re.compile(r"(\{)\s*(?:[\"'}]|\w+\s*:)|(---)\s|(\w+)\s*:(?:\s|$)")
_CONFLICT = re.compile(r"^(?:<{7}|>{7}) .*", re.MULTILINE)

_YAML_KEYS = {"name", "blocks", "patterns", "overrides", "scales", "slots", *PATTERNS, *SETTINGS}


def recover(sink: Sink, error: UnexpectedInput) -> tuple[Section, ...] | None:
    """Report every syntax error of a text that Lark refused.

    Args:
        sink: holds the text and receives the diagnostics.
        error: what Lark said about the whole text.

    Returns:
        The sections with the statements that could be read, or None if there is none.
    """
    if conflict := _CONFLICT.search(sink.text):
        message, help_text = "a merge conflict is not settled", "keep one version, and no marks"
        sink.add("E0101", *conflict.span(), message, help_text)
        return None
    whole = outline(sink.text)
    if all(each.kind in {"line", "comment"} for each in whole.words):
        sink.add("E0107", 0, 0, "the text holds comments only", "write `architecture NAME { … }`")
        return None
    rest = _rest(whole)
    stop = len(sink.text) if rest is None else rest.start
    for foreign in whole.foreign:
        if foreign.start < stop:
            _report_foreign(sink, foreign)
    parts = [part for part in whole.parts if part.start < stop]
    sections = []
    for part, following in zip(parts, [*parts[1:], None], strict=False):
        if not sink.exhausted:
            sections.append(_read_section(sink, part, following))
    if rest is not None and not sink.exhausted:
        _report_rest(sink, rest, bool(sections))
    if not sink:  # whatever the outline does not show, Lark saw
        report(sink, error, len(sink.text.rstrip()))
    return tuple(sections) or None


def _rest(whole: Outline) -> Lexeme | None:
    """Return the first word outside of sections, from which on the text is not read."""
    lines = [part.header[0] for part in whole.parts if not _is_section(part)]
    return min([*lines, *whole.strays], key=lambda each: each.start, default=None)


def _is_section(part: Part) -> bool:
    return part.open is not None and part.header[0].kind == "name"


def _read_section(sink: Sink, part: Part, following: Part | None) -> Section:
    """Read one section, of which the header may be wrong, too."""
    assert part.open is not None, "it is a section"
    _check_header(sink, part.start, part.open + 1)
    items = tuple(read_items(sink, part))
    last = sink.text[part.end - 1]
    if part.closed and last in WIDE_BRACKETS and not sink.exhausted:
        message = f"the language does not use the character {quoted(last)}"
        plain = WIDE_BRACKETS[last]
        sink.add("E0103", part.end - 1, part.end, message, Hint(f"use `{plain}`", plain))
    if not part.closed and not sink.exhausted:
        _check_closed(sink, part, following)
    title = "".join(each.text for each in part.header[1:] if each.kind in {"name", "number"})
    name = None
    if title:
        start = part.header[1].start
        name = Token("NAME", title, start_pos=start, end_pos=start + len(title))
    word = part.header[0]
    token = Token("NAME", word.text, start_pos=word.start, end_pos=word.end)
    return Section(token, name, items, part.open, part.end)


def _check_closed(sink: Sink, part: Part, following: Part | None) -> None:
    """Report a section without its `}`, unless a `{` inside it has taken that one."""
    assert part.open is not None, "it is a section"
    at = len(sink.text.rstrip())
    help_text, edit = "add `}` at the end", "" if at == part.open + 1 else "\n}"
    if following is not None:
        at = following.start
        help_text, edit = f"add `}}` before `{following.header[0].text}`", "}\n"
    else:
        within = [each.text for each in outline(sink.text).words if each.start >= part.open]
        opened = [bracket.text for item in part.items for bracket in item.opened]
        if within.count("{") - within.count("}") <= opened.count("{"):
            return
    hint = Hint(help_text, edit or None, (at, at))
    sink.add("E0102", part.open, part.open + 1, "this `{` is never closed", hint)


def _check_header(sink: Sink, start: int, end: int) -> None:
    """Report a header that Lark cannot read; of a good one it only misses what follows."""
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


def _report_foreign(sink: Sink, found: Lexeme) -> None:
    """Report the ``` of a Markdown text, or a comment of another notation."""
    place = found.start, found.end
    if found.text.startswith("`"):
        message, hint = "marks of Markdown are not part of the text", Hint("delete this line", "")
        sink.add("E0101", found.start, found.start + 3, message, hint._replace(at=place))
        return
    mark = _COMMENT.match(found.text)
    assert mark is not None, "the outline saw it"
    lines = _COMMENT.sub("", found.text).strip().split("\n")
    edit = "\n".join(f"# {line.strip()}".rstrip() for line in lines)
    message = f"{quoted(mark[0])} does not begin a comment"
    hint = Hint("comments begin with `#`", edit, place)
    sink.add("E0101", found.start, found.start + mark.end(), message, hint)


def _report_rest(sink: Sink, first: Lexeme, later: bool) -> None:
    """Report a word in the place of a section."""
    other = _OTHER_FORM.match(sink.text, first.start)
    if other and not later and not sink and (other[3] is None or other[3] in _YAML_KEYS):
        form, suffix = ("JSON", ".json") if other[1] else ("YAML", ".yaml")
        message = f"this text is in the {form} form of the language"
        help_text = f"give the file a name that ends in `{suffix}`"
        sink.add("E0101", first.start, first.end, message, help_text)
    elif first.text in SECTIONS:
        _report_header(sink, first.start)
    elif later:
        message = f"{quoted(first.text)} after the end of the section"
        hint = Hint("delete it", "" if first.text == "}" else None)
        if first.kind == "name":
            hint = Hint("move it into the section, or write `scale NAME { … }`")
        sink.add("E0108", first.start, first.end, message, hint)
    elif first.text in STATEMENTS:
        message = f"expected a section, found the statement {quoted(first.text)}"
        help_text = "write `architecture NAME {` before it, and `}` at the end"
        sink.add("E0101", first.start, first.end, message, help_text)
    else:
        message = f"expected a section, found {quoted(first.text)}"
        help_text = "a text begins with `architecture NAME {`"
        sink.add("E0101", first.start, first.end, message, help_text)
