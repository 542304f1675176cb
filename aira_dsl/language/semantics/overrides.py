"""`layer 3, 7-9 { … }` -> layers with blocks of their own.

An overridden layer gets a block that is its old one with other parameters, named after the first
layer that has it (`A_3`). So the value stays what it was: named blocks, and a sequence of names.
"""

from typing import NamedTuple

from lark import Token

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.semantics.declarations import Recipe
from aira_dsl.language.semantics.values import scalar
from aira_dsl.language.syntax.tree import Override, Parameters, Span, end_of, start_of
from aira_dsl.primitives.parallel.spec import BAR


class Derived(NamedTuple):
    """The block of an overridden layer: which one it had, and what is different."""

    base: str
    parts: tuple[Parameters, ...]

    def recipe(self, recipes: dict[str, Recipe]) -> Recipe:
        """Return the block, from the blocks of an architecture or of one of its scales."""
        recipe = recipes[self.base]
        for part in self.parts:
            recipe = recipe.changed(part)
        return recipe


class Overridden(NamedTuple):
    """The layers after all overrides, and the blocks that came with them."""

    layers: tuple[str, ...]
    derived: dict[str, Derived]


def override(
    layers: tuple[str, ...],
    recipes: dict[str, Recipe],
    overrides: tuple[Override, ...],
    sink: Sink,
) -> Overridden:
    """Apply overrides in their order; the last one wins where files build on one another.

    Args:
        layers: names of blocks, first layer first.
        recipes: the blocks as written; one that could not be read may be missing.
        overrides: as parsed.
        sink: receives layers that do not exist (E0219) or are named twice in one text (E0220).
    """
    parts: dict[int, tuple[Override, ...]] = {}
    own: dict[int, Token] = {}
    for each in overrides:
        for number, token in _numbers(each, len(layers), sink):
            if each.start < len(sink.text):
                if number in own:
                    _report_twice(number, token, own[number], sink)
                    continue
                own[number] = token
            parts[number] = (*parts.get(number, ()), each)
    return _apply(layers, recipes, parts, sink)


def _numbers(item: Override, depth: int, sink: Sink) -> list[tuple[int, Token]]:
    """List the layers of one statement, from 1, with the token that names each."""
    found = []
    for span in item.spans:
        first, last = scalar(span.first), scalar(span.last)
        assert isinstance(first, int), "the grammar takes whole numbers only"
        assert isinstance(last, int), "the grammar takes whole numbers only"
        if "+" in sink.whole[end_of(span.first) : start_of(span.last)]:
            _report(span, "a range of layers is written with `-`", _range(first, last), sink)
        elif not 1 <= first <= last <= depth:
            _report_missing(span, first, last, depth, sink)
        else:
            found += [(number, span.first) for number in range(first, last + 1)]
    return found


def _report_missing(span: Span, first: int, last: int, depth: int, sink: Sink) -> None:
    if first > last:
        _report(span, "this range of layers is backwards", _range(last, first), sink)
    else:
        wrong = span.first if not 1 <= first <= depth else span.last
        hint = Hint(f"layers count from 1, and there are {depth:,}")
        _report(span, f"there is no layer {quoted(wrong)}", hint, sink)


def _range(first: int, last: int) -> Hint:
    return Hint(f"write `{first}-{last}`", f"{first}-{last}")


def _report(span: Span, message: str, help_text: Hint, sink: Sink) -> None:
    sink.add("E0219", start_of(span.first), end_of(span.last), message, help_text)


def _report_twice(number: int, token: Token, before: Token, sink: Sink) -> None:
    line = sink.line_of(start_of(before))
    message = f"layer {number} is overridden twice, first in line {line}"
    help_text = "say all of a layer in one statement"
    sink.add("E0220", start_of(token), end_of(token), message, help_text)


def _report_parallel(number: int, item: Override, sink: Sink) -> None:
    token = item.spans[0].first
    message = f"layer {number} is parallel, and its blocks cannot be changed here"
    help_text = "define a block with these parameters, and name it in `layers`"
    sink.add("E0226", start_of(token), end_of(token), message, help_text)


def _apply(
    layers: tuple[str, ...],
    recipes: dict[str, Recipe],
    parts: dict[int, tuple[Override, ...]],
    sink: Sink,
) -> Overridden:
    names = list(layers)
    derived: dict[str, Derived] = {}
    by_parts: dict[tuple[str, tuple[int, ...]], str] = {}
    for number in sorted(parts):
        base = names[number - 1]
        if BAR in base:
            _report_parallel(number, parts[number][-1], sink)
            continue
        if base not in recipes:  # the block could not be read, which is reported
            continue
        identity = base, tuple(each.start for each in parts[number])
        if identity not in by_parts:
            name = _free(f"{base[:50]}_{number}", recipes)
            derived[name] = Derived(base, tuple(each.parameters for each in parts[number]))
            by_parts[identity] = name
        names[number - 1] = by_parts[identity]
    return Overridden(tuple(names), derived)


def _free(name: str, taken: dict[str, Recipe]) -> str:
    while name in taken:
        name += "_"
    return name
