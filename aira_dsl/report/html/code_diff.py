"""How the files of one candidate differ from those of another, line by line."""

import difflib
import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import islice

CONTEXT = 3
"""Unchanged lines around a change."""

LONGEST = 400
"""Characters of a line that are shown."""

_KINDS = {"+": "added", "-": "removed", "@": "place", " ": "same"}
_ACTING = {"Cc", "Cf", "Cs", "Zl", "Zp"}
"""Categories of characters that act instead of being seen, among them those that reorder text."""


@dataclass(frozen=True)
class Line:
    """A line of a difference: `added`, `removed`, `place` (where it is) or `same`."""

    kind: str
    text: str


@dataclass(frozen=True)
class FileDiff:
    """How one file differs.

    Attributes:
        path: of the file.
        kind: `changed`, `new` or `removed`.
        added, removed: numbers of lines.
        lines: the difference, as much as is shown.
        hidden: number of its lines that are not shown.
    """

    path: str
    kind: str
    added: int
    removed: int
    lines: tuple[Line, ...]
    hidden: int


def code_diff(
    before: Mapping[str, str], after: Mapping[str, str], *, shown: int
) -> tuple[FileDiff, ...]:
    """Return the files that differ, in the order of their names.

    Args:
        before, after: texts by path.
        shown: lines of all differences together that are shown.
    """
    found = []
    for path in sorted({*before, *after}):
        old, new = before.get(path), after.get(path)
        if old != new:
            found.append(_file(path, old, new, shown))
            shown -= len(found[-1].lines)
    return tuple(found)


def _file(path: str, old: str | None, new: str | None, shown: int) -> FileDiff:
    lines = difflib.unified_diff(_lines(old), _lines(new), n=CONTEXT, lineterm="")
    every = list(islice(lines, 2, None))  # without the two lines that name the files
    return FileDiff(
        path=visible(path),
        kind="new" if old is None else "removed" if new is None else "changed",
        added=sum(line.startswith("+") for line in every),
        removed=sum(line.startswith("-") for line in every),
        lines=tuple(map(_line, every[: max(0, shown)])),
        hidden=max(0, len(every) - max(0, shown)),
    )


def _lines(text: str | None) -> list[str]:
    return [] if text is None else text.removesuffix("\n").split("\n")


def _line(text: str) -> Line:
    cut = text if len(text) <= LONGEST else text[:LONGEST] + " …"
    return Line(_KINDS[text[0]], visible(cut.expandtabs(4)))


def visible(text: str) -> str:
    """Return a text with characters that act on what shows it written as escapes."""
    return "".join(_escaped(text))


def _escaped(text: str) -> Iterable[str]:
    for character in text:
        acts = unicodedata.category(character) in _ACTING
        yield character.encode("unicode_escape").decode() if acts else character
