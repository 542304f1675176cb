"""Recognizes the syntax of other notations and suggests how the language writes it.

The first record of `foreign_statements` and `foreign_patterns` that covers the place of an error
gives the help and, where the meaning is plain, the edit. It never decides whether a text is right.
"""

import re
from functools import cache
from typing import NamedTuple

from aira_dsl.language.diagnostics import foreign_patterns, foreign_statements
from aira_dsl.language.diagnostics.collector import Hint
from aira_dsl.language.diagnostics.notation import Notation
from aira_dsl.language.diagnostics.suggest import nearest
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.vocabulary import PATTERNS

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


def kind_of(text: str, start: int, at: int) -> str:
    """Tell in which part of the language an offset is, from the first word of its statement."""
    word = re.compile(r"\s*(\w+)").match(text, start)
    first = word[1] if word else ""
    if text.count("{", start, at) > text.count("}", start, at):
        return "parameter"
    if first in PATTERNS:
        return "pattern"
    return first if first in {"pattern", "layer", "block"} else "setting"


def recognize(place: Place) -> Hint | None:
    """Return the help for a mistake that is known, with the edit if there is one."""
    text, at = place.text, place.at
    low = max(place.start, text.rfind("\n", 0, at) + 1, at - REACH)
    stop = text.find("\n", at)
    high = min(len(text) if stop < 0 else stop, at + REACH)
    line = text[low:high].rstrip("\r")
    for notation, pattern in _compiled():
        if notation.where and place.kind not in notation.where.split():
            continue
        for match in pattern.finditer(line):
            if match.start() <= at - low <= match.end():
                edit = notation.replacement(match)
                return Hint(notation.help, edit, (low + match.start(), low + match.end()))
    return None


def default_help(place: Place) -> str | None:
    """Return how the statement at hand is written."""
    word = re.compile(r"\s*(\w+)").match(place.text, place.start)
    key = place.kind if place.kind in {"header", "parameter"} else word[1] if word else ""
    return HOW.get(key) or HOW.get(nearest(key, HOW.keys() - {"header", "parameter"}) or "")


def notations() -> list[Notation]:
    """Return all records, in the order in which they are tried."""
    comments, statements = foreign_statements.COMMENTS, foreign_statements.NOTATIONS
    return [*comments, *foreign_patterns.NOTATIONS, *statements]


@cache
def _compiled() -> list[tuple[Notation, re.Pattern[str]]]:
    """Compile the patterns, which a correct text never needs."""
    return [(each, re.compile(each.pattern)) for each in notations()]
