"""Sections of a file -> its main section and its scales, in the form of `written`."""

from collections.abc import Sequence

from lark import Token

from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.semantics.collect_declarations import MAX_NAME, Sorter
from aira_dsl.language.semantics.declarations import File, Written, blank
from aira_dsl.language.syntax.tree import Section, end_of, start_of

__all__ = ["MAX_NAME", "sort_file"]


def sort_file(sections: Sequence[Section], sink: Sink) -> File:
    """Sort all sections of a file; the first architecture or space is the main one."""
    main: Written | None = None
    scales: dict[str, Written] = {}
    for section in sections:
        written = Sorter(section, sink, later=main is not None).run()
        name = str(section.name or "")
        if written.kind != "scale":
            if main is None:
                main = written
                _check_order(sections[0], section, sink)
            else:
                _report_again(sink, section.word, main.word, "a file holds one of them")
        elif section.name is None:
            at, help_text = section.word, "write `scale 1b { … }`"
            sink.add("E0209", start_of(at), end_of(at), "a scale needs a name", help_text)
        elif name in scales:
            before = scales[name].name or section.word
            _report_again(sink, section.name, before, "rename or delete one of them")
        else:
            scales[name] = written
    if main is None:
        first = sections[0]
        message, help_text = "the file has no architecture", "write `architecture NAME { … }` first"
        if not sink:
            sink.add("E0209", start_of(first.word), end_of(first.word), message, help_text)
        main = blank(first._replace(name=None), "architecture")
        main.any_name = True
        main.poisoned.add("layers")
    return File(main, scales)


def _check_order(first: Section, main: Section, sink: Sink) -> None:
    """Report a scale before the section that it is a scale of."""
    if first is not main and first.word == "scale":
        message = f"a scale is written before its {main.word}"
        start, end = start_of(first.word), end_of(first.word)
        sink.add("E0216", start, end, message, f"move it after the {main.word}")


def _report_again(sink: Sink, token: Token, before: Token, help_text: str) -> None:
    line = sink.line_of(start_of(before))
    message = f"a second section {quoted(token)}, the first is in line {line}"
    sink.add("E0224", start_of(token), end_of(token), message, help_text)
