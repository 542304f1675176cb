"""Mistakes that people and language models bring along from other notations, and what was meant.

The first habit of `notations` that covers the place of an error gives the help and, where the
intention is plain, the edit. Nothing here decides whether a text is right.
"""

import re
from collections.abc import Callable
from functools import cache
from typing import NamedTuple

from aira_dsl.language.diagnostics.collector import Hint
from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.diagnostics.syntax_help import HOW

REACH = 200
"""Characters looked at on either side of an error."""


class Place(NamedTuple):
    """Where an error is.

    Attributes:
        text: the whole text.
        start: offset where its statement or header begins.
        at: offset of what was not expected.
        kind: `header`, `parameter`, `pattern`, `layer`, `block` or `setting`.
    """

    text: str
    start: int
    at: int
    kind: str


class Habit(NamedTuple):
    """One line of the table: where it occurs, what it looks like, and what to say and do."""

    kinds: str  # where it occurs, "" everywhere
    pattern: re.Pattern[str]
    help: str
    edit: Callable[[re.Match[str]], str | None]


def kind_of(text: str, start: int, at: int) -> str:
    """Tell in which part of the language an offset is, from the first word of its statement."""
    word = re.compile(r"\s*(\w+)").match(text, start)
    first = word[1] if word else ""
    if text.count("{", start, at) > text.count("}", start, at):
        return "parameter"
    return {"layers": "pattern", "pattern": "pattern", "layer": "layer", "block": "block"}.get(
        first, "setting"
    )


def recognize(place: Place) -> Hint | None:
    """Return the help for a mistake that is known, with the edit if there is one."""
    text, at = place.text, place.at
    low = max(place.start, text.rfind("\n", 0, at) + 1, at - REACH)
    stop = text.find("\n", at)
    high = min(len(text) if stop < 0 else stop, at + REACH)
    line = text[low:high].rstrip("\r")
    for habit in _habits():
        if habit.kinds and place.kind not in habit.kinds.split():
            continue
        for match in habit.pattern.finditer(line):
            if match.start() <= at - low <= match.end():
                edit = habit.edit(match)
                return Hint(habit.help, edit, (low + match.start(), low + match.end()))
    return None


def default_help(place: Place) -> str | None:
    """Return how the statement at hand is written."""
    word = re.compile(r"\s*(\w+)").match(place.text, place.start)
    key = place.kind if place.kind in {"header", "parameter"} else word[1] if word else ""
    return HOW.get(key) or HOW.get(nearest(key, HOW.keys() - {"header", "parameter"}) or "")


@cache
def _habits() -> list[Habit]:
    """Compile the table, which a correct text never needs."""
    from aira_dsl.language.diagnostics.foreign_notations import TABLE

    return [Habit(kinds, re.compile(regex), text, edit) for kinds, regex, text, edit in TABLE]
