"""The record of a notation that is not the language's."""

import re
from collections.abc import Callable
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Notation:
    """One notation that is not the language's, with an example that a test runs.

    Attributes:
        where: kinds of places where it occurs, separated by spaces; empty for everywhere.
        pattern: regular expression of it, on one line.
        help: how the language writes it.
        edit: replacement, as a template with `\\1` or a function; None: left to the user.
        wrong: a line of an architecture with this notation.
        right: the line after the edit; None without one.
    """

    where: str
    pattern: str
    help: str
    edit: str | Callable[[re.Match[str]], str | None] | None = None
    wrong: str = field(kw_only=True)
    right: str | None = field(kw_only=True, default=None)

    def replacement(self, match: re.Match[str]) -> str | None:
        """Return what to write in place of a match, or None if only the user knows."""
        if self.edit is None:
            return None
        return match.expand(self.edit) if isinstance(self.edit, str) else self.edit(match)
