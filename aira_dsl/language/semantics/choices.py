"""`block W = attention { window 64|128 }` in a space -> the blocks W_64 and W_128.

Each combination of values is a block of its own, so that everything after this (counting, samplers,
drawings) knows nothing of choices. Elsewhere a parameter has one value: `read_block` reports more.
"""

import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import product
from math import prod

from lark import Token

from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.semantics.declarations import Recipe, Written
from aira_dsl.language.syntax.tree import Alternatives, Parameters, end_of, start_of

MAX_BLOCKS = 64
"""Blocks that one definition may span."""

_MAX_NAME = 64


def span_choices(written: Written, sink: Sink) -> None:
    """Replace each block of a space that has choices by the blocks that it spans.

    A block whose choices are wrong is reported and kept, as lost.
    """
    blocks: dict[str, Recipe] = {}
    for name, recipe in written.blocks.items():
        choices = _choices(recipe)
        if not choices:
            blocks[name] = recipe
            continue
        spanned = {str(each.name): each for each in _spanned(recipe, choices)}
        problem = _problem(choices, spanned, {*blocks, *(written.blocks.keys() - {name})})
        if problem:
            values = next(iter(choices.values()))
            message = f"block {quoted(name)}: {problem[0]}"
            sink.add("E0227", start_of(values), end_of(values), message, problem[1])
            written.lost.add(name)
        else:
            blocks |= spanned
    written.blocks = blocks


def _choices(recipe: Recipe) -> dict[str, Alternatives]:
    """Return the parameters that have several values; the last word on a parameter counts."""
    given = {str(key): value for part in recipe.parts for key, value in part.items}
    return {key: value for key, value in given.items() if isinstance(value, Alternatives)}


def _problem(
    choices: dict[str, Alternatives], spanned: dict[str, Recipe], taken: set[str]
) -> tuple[str, str] | None:
    """Return why the blocks cannot be, and some help."""
    number = prod(len(each.values) for each in choices.values())
    if number > MAX_BLOCKS:
        return f"its choices span more than {MAX_BLOCKS} blocks", "give fewer values"
    if len(spanned) < number:
        return "a value is given twice", "give each value once"
    if both := sorted(spanned.keys() & taken):
        return f"it spans {both[0]}, which is defined as well", "give one of them another name"
    if any(len(name) > _MAX_NAME for name in spanned):
        return f"the names of its blocks exceed {_MAX_NAME} letters", "give it a shorter name"
    return None


def _spanned(recipe: Recipe, choices: dict[str, Alternatives]) -> Iterator[Recipe]:
    """Yield at most one block more than there may be."""
    for number, values in enumerate(product(*(each.values for each in choices.values()))):
        if number > MAX_BLOCKS:
            return
        chosen = dict(zip(choices, values, strict=True))
        suffix = "_".join(re.sub(r"\W", "_", value.replace("_", "")) for value in values)
        name = Token(
            "NAME",
            f"{recipe.name}_{suffix}",
            start_pos=recipe.name.start_pos,
            end_pos=recipe.name.end_pos,
        )
        parts = tuple(_with(part, chosen) for part in recipe.parts)
        yield replace(recipe, name=name, parts=parts)


def _with(part: Parameters, chosen: dict[str, Token]) -> Parameters:
    items = (each._replace(value=chosen.get(str(each.key), each.value)) for each in part.items)
    return part._replace(items=tuple(items))
