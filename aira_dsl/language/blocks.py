"""`block NAME = KIND { … }` -> the spec of a primitive, resolved for the model's width.

Specs are frozen, so equal definitions share one: a search reads thousands of texts with the same
three blocks.
"""

import re
from functools import lru_cache, partial
from typing import Any

from lark import Token
from pydantic import ValidationError

from aira_dsl.language.sink import Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.suggest import suggestion
from aira_dsl.language.tree import Definition, end_of, start_of
from aira_dsl.language.values import Rule, Scalar, broken_rule, scalar
from aira_dsl.primitives import KINDS, Block

Spec = Any
"""One of the primitives (`aira_dsl.primitives.Block`)."""


def parameters_of(kind: str) -> list[str]:
    """Names of the parameters that a kind takes."""
    return [name for name in KINDS[kind].model_fields if name != "kind"]


def read_block(
    definition: Definition, width: int | None, at_width: Token | None, sink: Sink
) -> Spec:
    """Build one block, or report what is wrong and return None.

    Args:
        definition: as parsed.
        width: the model's width; None if the text's is wrong, which leaves the rules unchecked.
        at_width: where the text gives the width, if it does.
        sink: receives the diagnostics.
    """
    given = _given(definition, sink)
    block = None if given is None else _read_values(definition, given, sink)
    # A rule may look for the nearest value that fits, which is not worth it off the screen.
    if given is None or block is None or width is None or sink.full:
        return None
    resolved, problems = _resolve(block, width)
    for field, problem, help_text in problems:
        guilty = _guilty(field, problem, given, at_width) or definition.kind
        message = f"block {quoted(definition.name)}: {problem}"
        sink.add("E0211", start_of(guilty), end_of(guilty), message, help_text)
    return None if problems else resolved


def _given(definition: Definition, sink: Sink) -> dict[str, Token] | None:
    """Collect the parameters by name, or report what can not be one and return None."""
    kind, before = definition.kind, len(sink)
    if kind not in KINDS:
        message = f"unknown kind of block {quoted(kind)}"
        help_text = partial(suggestion, kind, KINDS, "kinds")
        sink.add("E0204", start_of(kind), end_of(kind), message, help_text)
        return None
    given: dict[str, Token] = {}
    for key, value in definition.parameters.items if definition.parameters else ():
        if key not in parameters_of(kind):
            _report_unknown(key, kind, sink)
        elif key in given:
            message = f"parameter {quoted(key)} is given twice"
            sink.add("E0208", start_of(key), end_of(key), message, "delete one of them")
        else:
            given[str(key)] = value
    if len(sink) == before:
        return given
    _read_values(definition, given, sink)  # a wrong value beside is a mistake of its own
    return None


def _read_values(definition: Definition, given: dict[str, Token], sink: Sink) -> Spec:
    """Build the spec, or report wrong values and return None."""
    kind = str(definition.kind)
    block, broken = _build(kind, tuple((key, scalar(value)) for key, value in given.items()))
    for key, rule in broken:
        value = given[key]
        message = f"`{key}` of {kind} {rule.text}, not {quoted(value)}"
        sink.add("E0210", start_of(value), end_of(value), message, rule.help)
    return block


def _report_unknown(key: Token, kind: str, sink: Sink) -> None:
    message = f"unknown parameter {quoted(key)} for {kind}"
    help_text = partial(suggestion, key, parameters_of(kind), f"{kind} takes")
    sink.add("E0203", start_of(key), end_of(key), message, help_text)


@lru_cache(maxsize=4096, typed=True)
def _build(
    kind: str, arguments: tuple[tuple[str, Scalar], ...]
) -> tuple[Spec, tuple[tuple[str, Rule], ...]]:
    """Build a spec; return it and nothing, or None and the broken rule of each parameter."""
    try:
        return KINDS[kind].model_validate(dict(arguments)), ()
    except ValidationError as error:
        broken = {str(e["loc"][0]): broken_rule(e) for e in error.errors(include_url=False)}
        return None, tuple(broken.items())


@lru_cache(maxsize=4096)
def _resolve(block: Block, width: int) -> tuple[Spec, tuple[tuple[str, str, str], ...]]:
    resolved = block.resolve(width)
    return resolved, tuple(resolved.problems(width))


def _guilty(
    field: str, message: str, given: dict[str, Token], at_width: Token | None
) -> Token | None:
    """Find what the user wrote that broke the rule; None if it was defaults only."""
    mentioned = [name for name in re.findall(r"\w+", message) if name in given]
    for name in [field, *mentioned]:
        if name in given:
            return given[name]
    return at_width if "width" in message else None
