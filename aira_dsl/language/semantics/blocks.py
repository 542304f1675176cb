"""`block NAME = KIND { … }` -> the spec of a primitive, resolved for the model's width.

Specs are frozen, so equal definitions share one: a search reads thousands of texts with the same
three blocks.
"""

import re
from functools import lru_cache, partial
from types import NoneType
from typing import Any, get_args

from lark import Token
from pydantic import ValidationError

from aira_dsl.language.diagnostics.collector import Help, Hint, Sink
from aira_dsl.language.diagnostics.foreign_words import advice, meant
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.semantics.declarations import Recipe
from aira_dsl.language.semantics.values import Rule, Scalar, broken_rule, constant, scalar
from aira_dsl.language.syntax.tree import Alternatives, Parameters, end_of, start_of
from aira_dsl.primitives.registry import KINDS, Block

Spec = Any
"""One of the primitives (`aira_dsl.primitives.Block`)."""


def parameters_of(kind: str) -> list[str]:
    """Names of the parameters that a kind takes."""
    return KINDS[kind].parameter_names()


def read_block(
    recipe: Recipe, width: int | None, at_width: Token | None, span: tuple[int, int], sink: Sink
) -> Spec:
    """Build one block, or report what is wrong and return None.

    Args:
        recipe: as written.
        width: the model's width; None if the text's is wrong, which leaves the rules unchecked.
        at_width: where the text gives the width, if it does.
        span: offsets of the section at hand, which is to blame before what it builds on.
        sink: receives the diagnostics.
    """
    given = _given(recipe, sink)
    block = None if given is None else _read_values(str(recipe.kind), given, sink)
    # A rule may look for the nearest value that fits, which is not worth it off the screen.
    if given is None or block is None or width is None or sink.full:
        return None
    resolved, problems = _resolve(block, width)
    # One wrong value may break two rules; it is blamed once, by that of its own parameter.
    latest = recipe.parts[-1] if recipe.parts[1:] else None
    changed = {str(key) for key, _ in latest.items} if latest else set()
    if latest and latest.items:
        span = max(latest.start, span[0]), span[1]
    blamed: set[int] = set()
    for field, problem, help_text in sorted(problems, key=lambda each: each[0] not in changed):
        guilty = _guilty(field, problem, given, at_width, span) or recipe.kind
        if start_of(guilty) in blamed:
            continue
        blamed.add(start_of(guilty))
        message = f"block {quoted(recipe.name)}: {problem}"
        hint = _hint(help_text, guilty, given, block, width)
        sink.add("E0211", start_of(guilty), end_of(guilty), message, hint)
    return None if problems else resolved


def _given(recipe: Recipe, sink: Sink) -> dict[str, Token] | None:
    """Collect the parameters by name, or report what cannot be one and return None."""
    kind, before = recipe.kind, len(sink)
    kind_meant = str(kind)
    if kind not in KINDS:
        message = f"unknown kind of block {quoted(kind)}"
        help_text = partial(advice, kind, "kind", KINDS, "kinds")
        sink.add("E0204", start_of(kind), end_of(kind), message, help_text)
        known = meant(kind, "kind", KINDS)
        if known is None:
            return None
        kind_meant = known
    given: dict[str, Token] = {}
    for part in recipe.parts:
        given |= _given_once(part, kind_meant, sink)
    if len(sink) == before:
        return given
    _read_values(kind_meant, given, sink)  # a wrong value beside is a mistake of its own
    return None


def _given_once(part: Parameters, kind: str, sink: Sink) -> dict[str, Token]:
    """Collect the parameters of one pair of braces."""
    given: dict[str, Token] = {}
    for key, value in part.items:
        if key not in parameters_of(kind):
            _report_unknown(key, kind, {str(each.key) for each in part.items}, sink)
        elif key in given:
            message = f"parameter {quoted(key)} is given twice"
            sink.add("E0208", start_of(key), end_of(key), message, "delete one of them")
        else:
            given[str(key)] = value
    return given


def _read_values(kind: str, given: dict[str, Token], sink: Sink) -> Spec:
    """Build the spec, or report wrong values and return None."""
    several = {key: value for key, value in given.items() if isinstance(value, Alternatives)}
    for key, choice in several.items():
        message = f"`{key}` has several values, which only the blocks of a space may have"
        help_text = f"give one, such as {choice.values[0]}"
        sink.add("E0227", start_of(choice), end_of(choice), message, help_text)
    if several:
        return None
    scalars = [(key, scalar(value)) for key, value in given.items()]
    block, broken = _build(kind, tuple((key, type(each), each) for key, each in scalars))
    for key, rule in broken:
        value = given[key]
        message = f"`{key}` of {kind} {rule.text}, not {quoted(value)}"
        hint = rule.respelt(key, str(value))
        if NoneType in get_args(KINDS[kind].model_fields[key].annotation):
            hint = constant(str(value), (None,)) or hint
        sink.add("E0210", start_of(value), end_of(value), message, hint)
    return block


def _hint(help_text: str, guilty: Token, given: dict[str, Token], block: Block, width: int) -> Hint:
    """Make an edit of `use heads 16`, if it is at the place at hand and breaks no other rule."""
    advised = re.match(r"use (\w+) (\d+)", help_text)
    if advised is None or given.get(advised[1]) is not guilty:
        return Hint(help_text)
    changed = block.model_copy(update={advised[1]: int(advised[2])})
    legal = not changed.resolve(width).problems(width)
    return Hint(help_text, advised[2] if legal else None)


def _report_unknown(key: Token, kind: str, taken: set[str], sink: Sink) -> None:
    message = f"unknown parameter {quoted(key)} for {kind}"
    help_text: Help = partial(advice, key, kind, parameters_of(kind), f"{kind} takes", taken=taken)
    if key == "kind":
        help_text = "a block has another kind by a new definition: `block NAME = KIND { … }`"
    sink.add("E0203", start_of(key), end_of(key), message, help_text)


@lru_cache(maxsize=4096)
def _build(
    kind: str, arguments: tuple[tuple[str, type, Scalar], ...]
) -> tuple[Spec, tuple[tuple[str, Rule], ...]]:
    """Build a spec; return it and nothing, or None and the broken rule of each parameter.

    The types are there for the cache, to which `1`, `1.0` and `true` are one value.
    """
    try:
        return KINDS[kind].model_validate({key: value for key, _, value in arguments}), ()
    except ValidationError as error:
        fields = KINDS[kind].model_fields
        broken = {
            name: broken_rule(each, fields.get(name))
            for each in error.errors(include_url=False)
            for name in [str(each["loc"][0])]
        }
        return None, tuple(broken.items())


@lru_cache(maxsize=4096)
def _resolve(block: Block, width: int) -> tuple[Spec, tuple[tuple[str, str, str], ...]]:
    resolved = block.resolve(width)
    return resolved, tuple(resolved.problems(width))


def _guilty(
    field: str,
    message: str,
    given: dict[str, Token],
    at_width: Token | None,
    span: tuple[int, int],
) -> Token | None:
    """Find what the user wrote that broke the rule; None if it was defaults only."""
    mentioned = [name for name in re.findall(r"\w+", message) if name in given]
    suspects = [given[name] for name in [field, *mentioned] if name in given]
    if at_width is not None and "width" in message:
        suspects.append(at_width)
    own = [each for each in suspects if span[0] <= start_of(each) < span[1]]
    return next(iter([*own, *suspects]), None)
