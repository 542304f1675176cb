"""Diagnostics as an editor wants them: offsets, the repairing edit, the place in another file."""

from typing import NamedTuple

from aira_dsl.language import Diagnostic, check
from aira_dsl.lsp.navigation import Place
from aira_dsl.lsp.positions import Positions
from aira_dsl.lsp.renaming import Edit
from aira_dsl.lsp.scope import Scope, Source


class Problem(NamedTuple):
    """One diagnostic.

    Attributes:
        start, end: what it points at.
        diagnostic: as the language reports it.
        fix: the edit that removes it, if one does.
        cause: the error in an extended file that it comes from, with its message.
    """

    start: int
    end: int
    diagnostic: Diagnostic
    fix: Edit | None
    cause: tuple[Place, str] | None


def problems(source: Source) -> list[Problem]:
    """Return what `aira-dsl check` finds in a text, the file's unsaved changes included."""
    positions = Positions(source.text)
    return [_problem(each, positions, source) for each in _check(source)]


def _check(source: Source) -> list[Diagnostic]:
    return check(source.text, filename=str(source.path or "<text>"), file=source.path)


def _problem(each: Diagnostic, positions: Positions, source: Source) -> Problem:
    start, end = positions.span(each)
    fix = None
    if each.fix is not None:
        at = positions.coded(each.fix.line, each.fix.column)
        fix = Edit(at, positions.coded(each.fix.end_line, each.fix.end_column), each.fix.text)
    cause = _cause(source) if each.code == "E0309" else None
    return Problem(start, end, each, fix, cause)


def _cause(source: Source) -> tuple[Place, str] | None:
    """Return the first error of the file that a text extends."""
    base = Scope(source).sources[1:2]
    found = [each for each in _check(base[0]) if each.severity == "error"] if base else []
    if not found:
        return None
    start, end = Positions(base[0].text).span(found[0])
    return Place(base[0].path, base[0].text, start, end), found[0].message
