"""The pattern notation: from a tree of repeats to a sequence of block names.

Patterns may have names and use each other. Lengths are known before anything is expanded, each
named pattern's once, so neither `999999999×(A)` nor names that double each other cost anything.
"""

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field

from lark import Token, UnexpectedInput

from aira_dsl.architecture import MAX_LAYERS
from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.diagnostic import ArchitectureError
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.suggest import suggestion
from aira_dsl.language.semantics.values import scalar
from aira_dsl.language.syntax.parser import parse_pattern
from aira_dsl.language.syntax.scan import guard
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import (
    Definition,
    Group,
    Parallel,
    Pattern,
    Repeat,
    end_of,
    start_of,
)

_MANY = 10**15
"""Lengths are counted up to here."""


@dataclass(frozen=True)
class Names:
    """What the words of a pattern may mean.

    Attributes:
        blocks: names of blocks.
        patterns: definitions of named patterns.
        any_name: whether other words pass, since some definition could not be read.
    """

    blocks: Collection[str]
    patterns: Mapping[str, Definition] = field(default_factory=dict)
    any_name: bool = False


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
            layers = resolve(parse_pattern(text), Names(names), sink)
        except UnexpectedInput as error:
            report(sink, error, len(text.rstrip()), kind="pattern")
    if layers is None:
        raise ArchitectureError(sink.diagnostics, text)
    return layers


def resolve(pattern: Pattern, names: Names, sink: Sink) -> tuple[str, ...] | None:
    """Expand a pattern, or report why not and return None; checks all named patterns, too."""
    before = len(sink)
    for each in (pattern, *(definition.value for definition in names.patterns.values())):
        _check_words(each, names, sink)
    _check_circles(names, sink)
    if len(sink) > before or names.any_name:
        return None
    return _Expansion(names, sink).run(pattern)


def repeats(pattern: Pattern) -> Iterator[Repeat]:
    """Yield the repeats of single layers, in the order of the text."""
    for each in pattern:
        if isinstance(each.body, Group):
            yield from repeats(each.body.items)
        else:
            yield each


def words_of(pattern: Pattern) -> set[str]:
    """Return every name in a pattern."""
    return {str(word) for each in repeats(pattern) for word in each.words}


def _check_words(pattern: Pattern, names: Names, sink: Sink) -> None:
    """Report numbers where blocks belong, zero repeats, and each undefined name once."""
    reported: set[str] = set()
    known = {*names.blocks, *names.patterns}
    for word in (word for each in repeats(pattern) for word in each.words):
        if word.type == "FLOAT":
            _report_number(word, known, sink)
        elif not names.any_name and word not in known and word not in reported:
            reported.add(word)
            _report_undefined(word, [*names.blocks, *names.patterns], sink)
    _check_branches(pattern, names, sink)
    _check_counts(pattern, sink)


def _check_branches(pattern: Pattern, names: Names, sink: Sink) -> None:
    """Report patterns in the place of the blocks of a parallel layer."""
    for each in repeats(pattern):
        for word in each.words if isinstance(each.body, Parallel) else ():
            if word in names.patterns and word not in names.blocks:
                message = f"{quoted(word)} is a pattern, and a parallel layer is made of blocks"
                help_text = "name a block on each side of `|`"
                sink.add("E0226", start_of(word), end_of(word), message, help_text)


def _check_counts(pattern: Pattern, sink: Sink) -> None:
    for each in pattern:
        if each.times is not None and scalar(each.times) == 0:
            start, end = start_of(each.times), end_of(each.times)
            help_text = "delete it, or repeat at least once"
            sink.add("E0213", start, end, "repeated zero times", Hint(help_text, "1"))
        if isinstance(each.body, Group):
            _check_counts(each.body.items, sink)


def _report_number(word: Token, known: Collection[str], sink: Sink) -> None:
    count, _, rest = word.partition("e" if "e" in word else "E")
    help_text = None
    if count.isdigit() and rest.isdigit():
        edit = f"{count}×e{rest}"
        fix = edit if f"e{rest}" in known else None
        help_text = Hint(f"a block called e{rest} is repeated by `{edit}`", fix)
    message = f"{quoted(word)} is a number, not a block"
    sink.add("E0214", start_of(word), end_of(word), message, help_text)


def _report_undefined(word: Token, names: Collection[str], sink: Sink) -> None:
    def help_text() -> Hint:
        if word in {"x", "X"}:
            return Hint("repeat by `×` or `*`: `3×(A-M)`", "×")
        return _respelt(word, names) or suggestion(word, names, "blocks defined here")

    message = f"block {quoted(word)} is not defined"
    sink.add("E0205", start_of(word), end_of(word), message, help_text)


def _respelt(word: str, names: Collection[str]) -> Hint | None:
    """Recognize `AMAM`, `A2` and the end of `2xA`, where the parts are names."""
    counted = re.fullmatch(r"(.*?[^0-9])([0-9]{1,4})", word)
    if counted and counted[1] in names:
        return Hint(
            f"a count is written in front: `{counted[2]}{counted[1]}`", f"{counted[2]}×{counted[1]}"
        )
    if word[0] in "xX" and word[1:] in names:
        return Hint("repeat by `×` or `*`: `3×A`", f"×{word[1:]}")
    longest_first = sorted(names, key=len, reverse=True)
    parts = re.findall("|".join(longest_first), word) if len(word) <= 64 else []
    if len(parts) > 1 and "".join(parts) == word:
        return Hint("blocks are joined by `-`", "-".join(parts))
    return None


def _check_circles(names: Names, sink: Sink) -> None:
    """Report every pattern that leads back to itself, each circle once."""
    done: set[str] = set()
    for first in names.patterns:
        trail: dict[str, None] = {}
        stack = [(first, False)]
        while stack:
            name, leaving = stack.pop()
            if leaving:
                del trail[name]
                done.add(name)
            elif name in trail:
                way = list(trail)
                _report_circle(names.patterns[name].name, way[way.index(name) :], sink)
            elif name in names.patterns and name not in done:
                trail[name] = None
                stack.append((name, True))
                inner = sorted(words_of(names.patterns[name].value) & names.patterns.keys())
                stack += [(each, False) for each in inner]


def _report_circle(token: Token, circle: list[str], sink: Sink) -> None:
    way = " → ".join([*circle[:5], *(["…"] if len(circle) > 5 else []), circle[0]])
    message = f"pattern {quoted(token)} is defined in terms of itself: {way}"
    sink.add("E0221", start_of(token), end_of(token), message, "write it out once")


class _Expansion:
    """Lengths and names of patterns whose words are all known and free of circles."""

    def __init__(self, names: Names, sink: Sink) -> None:
        # A block hides a pattern that an extended file gives the same name.
        self.patterns = {k: v for k, v in names.patterns.items() if k not in names.blocks}
        self.sink = sink
        self.lengths: dict[str, int] = {}
        self.expanded: dict[str, list[str]] = {}

    def run(self, pattern: Pattern) -> tuple[str, ...] | None:
        """Return the block names, or None if they are too many."""
        used = self._inner_first(pattern)
        for name in used:
            self.lengths[name] = self._length(self.patterns[name].value)
        length = self._length(pattern)
        if length > MAX_LAYERS:
            self._report_length(pattern, length)
            return None
        for name in used:
            self.expanded[name] = self._expand(self.patterns[name].value)
        return tuple(self._expand(pattern))

    def _inner_first(self, pattern: Pattern) -> list[str]:
        """List the named patterns that a pattern uses, each after those that it uses itself."""
        order: dict[str, None] = {}
        stack = [(name, False) for name in sorted(words_of(pattern) & self.patterns.keys())]
        while stack:
            name, ready = stack.pop()
            if ready:
                order[name] = None
            elif name not in order:
                stack.append((name, True))
                inner = words_of(self.patterns[name].value) & self.patterns.keys()
                stack += [(each, False) for each in sorted(inner)]
        return list(order)

    def _length(self, pattern: Pattern) -> int:
        total = 0
        for each in pattern:
            if isinstance(each.body, Group):
                inner = self._length(each.body.items)
            else:
                inner = self.lengths.get(str(each.body), 1)
            total += inner * _count(each)
        return min(total, _MANY)

    def _expand(self, pattern: Pattern) -> list[str]:
        names: list[str] = []
        for each in pattern:
            if isinstance(each.body, Group):
                inner = self._expand(each.body.items)
            else:
                inner = self.expanded.get(str(each.body), [str(each.body)])
            names += inner * _count(each)
        return names

    def _report_length(self, pattern: Pattern, length: int) -> None:
        shown = f"{length:,}" if length < _MANY else "more than 10^15"
        guilty = [each for each in pattern if self._length((each,)) > MAX_LAYERS]
        start, end = pattern[0].start, pattern[-1].end
        if guilty:
            start, end = guilty[0].start, guilty[0].end
        message = f"the pattern has {shown} layers, the limit is {MAX_LAYERS:,}"
        self.sink.add("E0212", start, end, message, "lower the repeats")


def _count(repeat: Repeat) -> int:
    if repeat.times is None:
        return 1
    count = scalar(repeat.times)
    assert isinstance(count, int), "the grammar takes whole numbers only"
    return count
