"""Applies the edit of a diagnostic, as an editor does."""

import re

from aira_dsl.language import Diagnostic


def applied(diagnostic: Diagnostic, text: str) -> str:
    """Return the text after the fix, whose places count lines and code points from 1."""
    fix = diagnostic.fix
    assert fix is not None
    text = text.removeprefix("\ufeff")
    starts = [0, *(match.end() for match in re.finditer("\n", text))]
    start = starts[fix.line - 1] + fix.column - 1
    end = starts[fix.end_line - 1] + fix.end_column - 1
    return text[:start] + fix.text + text[end:]
