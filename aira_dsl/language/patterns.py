"""The pattern notation: from a tree of repeats to a sequence of block names.

The length is known before anything is expanded, so `999999999×(A)` costs nothing.
"""

from collections.abc import Collection, Iterator

from lark import Token, UnexpectedInput

from aira_dsl.architecture import MAX_LAYERS
from aira_dsl.language.diagnostics import ArchitectureError
from aira_dsl.language.scan import guard
from aira_dsl.language.sink import Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.suggest import suggestion
from aira_dsl.language.syntax import parse_pattern, report
from aira_dsl.language.tree import Group, Pattern, Repeat, end_of, start_of
from aira_dsl.language.values import scalar


def expand_pattern(
    text: str, names: Collection[str], *, filename: str = "<pattern>"
) -> tuple[str, ...]:
    """Read a pattern such as `5×(2A+M)+A` into block names, first layer first.

    Args:
        text: separators are `-`, `+`, `,` and space; `×` or `*` repeats, or nothing (`2A`).
        names: the block names that may occur.
        filename: what diagnostics call the text.

    Raises:
        ArchitectureError: for bad syntax, other names, zero repeats, more than MAX_LAYERS layers.
    """
    sink = Sink(text, filename)
    layers = None
    if guard(sink):
        try:
            layers = resolve(parse_pattern(text), names, sink)
        except UnexpectedInput as error:
            report(sink, error, len(text.rstrip()))
    if layers is None:
        raise ArchitectureError(sink.diagnostics, text)
    return layers


def resolve(pattern: Pattern, names: Collection[str] | None, sink: Sink) -> tuple[str, ...] | None:
    """Expand a pattern, or report why not and return None; `names` None allows every name."""
    before = len(sink)
    _check_words(pattern, names, sink)
    length = sum(_length(each, sink) for each in pattern)
    if length > MAX_LAYERS:
        _report_length(pattern, length, sink)
    return tuple(_expand(pattern)) if len(sink) == before else None


def repeats(pattern: Pattern) -> Iterator[Repeat]:
    """Yield the repeats of single blocks, in the order of the text."""
    for each in pattern:
        if isinstance(each.body, Group):
            yield from repeats(each.body.items)
        else:
            yield each


def _check_words(pattern: Pattern, names: Collection[str] | None, sink: Sink) -> None:
    """Report numbers where blocks belong, and each undefined name once, at its first place."""
    reported: set[str] = set()
    known = set(names or ())
    for each in repeats(pattern):
        word = each.body
        assert isinstance(word, Token)
        if word.type == "FLOAT":
            _report_number(word, sink)
        elif names is not None and word not in known and word not in reported:
            reported.add(word)
            _report_undefined(word, names, sink)


def _report_number(word: Token, sink: Sink) -> None:
    count, _, rest = word.partition("e" if "e" in word else "E")
    help_text = None
    if count.isdigit() and rest.isdigit():
        help_text = f"a block called e{rest} is repeated by `{count}×e{rest}`"
    message = f"{quoted(word)} is a number, not a block"
    sink.add("E0214", start_of(word), end_of(word), message, help_text)


def _report_undefined(word: Token, names: Collection[str], sink: Sink) -> None:
    def help_text() -> str:
        if word in {"x", "X"}:
            return "repeat by `×` or `*`: `3×(A-M)`"
        return suggestion(word, names, "blocks defined here")

    message = f"block {quoted(word)} is not defined"
    sink.add("E0205", start_of(word), end_of(word), message, help_text)


def _length(repeat: Repeat, sink: Sink) -> int:
    """Count layers without expanding, and report zero repeats."""
    inner = 1
    if isinstance(repeat.body, Group):
        inner = sum(_length(each, sink) for each in repeat.body.items)
    if repeat.times is None:
        return inner
    count = scalar(repeat.times)
    assert isinstance(count, int)
    if count == 0:
        help_text = "delete it, or repeat at least once"
        start, end = start_of(repeat.times), end_of(repeat.times)
        sink.add("E0213", start, end, "repeated zero times", help_text)
        return inner
    return count * inner


def _report_length(pattern: Pattern, length: int, sink: Sink) -> None:
    shown = f"{length:,}" if length < 10**15 else "more than 10^15"
    guilty = next((e for e in pattern if _length(e, Sink("", "")) > MAX_LAYERS), None)
    start, end = pattern[0].start, pattern[-1].end
    if guilty is not None:
        start, end = guilty.start, guilty.end
    message = f"the pattern has {shown} layers, the limit is {MAX_LAYERS:,}"
    sink.add("E0212", start, end, message, "lower the repeats")


def _expand(pattern: Pattern) -> list[str]:
    names: list[str] = []
    for each in pattern:
        inner = _expand(each.body.items) if isinstance(each.body, Group) else [str(each.body)]
        names += inner if each.times is None else inner * int(each.times)
    return names
