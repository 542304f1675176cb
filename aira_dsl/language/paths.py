"""Paths as the commands take them; `-` stands for the standard input."""

import difflib
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TextIO

from aira_dsl.architecture import Architecture, SpaceDefinition, compress
from aira_dsl.language.diagnostics.diagnostic import ArchitectureError, Diagnostic
from aira_dsl.language.documents import decode, read_text
from aira_dsl.language.printer import format_text
from aira_dsl.language.reading import examine, parse, parse_space
from aira_dsl.language.syntax.scan import MAX_BYTES
from aira_dsl.utils.files import write_atomically

STDIN = Path("-")


@dataclass(frozen=True)
class Checked:
    """The result of checking one path.

    Attributes:
        filename: what to call it.
        diagnostics: errors, or else warnings; empty if all is well.
        source: the text, or None if it could not be read.
        summary: `16 layers, 5×(2A-M)-A`; empty if something is wrong.
    """

    filename: str
    diagnostics: Sequence[Diagnostic]
    source: str | None
    summary: str = ""


@dataclass(frozen=True)
class Formatted:
    """The result of formatting one path.

    Attributes:
        filename: what to call it.
        before: the text as it is, or None if it could not be read.
        after: the canonical text; the text as it is if something is wrong.
        diagnostics: empty if all is well.
    """

    filename: str
    before: str | None
    after: str | None
    diagnostics: Sequence[Diagnostic]

    @property
    def changed(self) -> bool:
        """Whether formatting changes anything."""
        return self.before != self.after

    @property
    def diff(self) -> str:
        """The change as a unified diff, empty if there is none."""
        before, after = (
            text.splitlines(keepends=True) for text in (self.before or "", self.after or "")
        )
        lines = difflib.unified_diff(before, after, self.filename, self.filename)
        return "".join(line if line.endswith("\n") else line + "\n" for line in lines)


def load_path(path: Path) -> Architecture:
    """Read an architecture from a file or the standard input; raises ArchitectureError."""
    return parse(read_path(path), filename=shown_path(path), file=file_of(path))


def load_space_path(path: Path) -> SpaceDefinition:
    """Read a search space from a file or the standard input; raises ArchitectureError."""
    return parse_space(read_path(path), filename=shown_path(path), file=file_of(path))


def check_text(path: Path, text: str) -> Checked:
    """Check the text of a path."""
    name = shown_path(path)
    try:
        diagnostics, space = examine(text, name, file_of(path))
        return Checked(name, diagnostics, text, _summary(space) if space else "")
    except ArchitectureError as error:
        return Checked(name, error.diagnostics, text)


def format_path(path: Path) -> Formatted:
    """Format one file, in memory."""
    name, source = shown_path(path), None
    try:
        source = read_path(path)
        text = format_text(source, filename=name, file=file_of(path))
        return Formatted(name, source, text, ())
    except ArchitectureError as error:
        return Formatted(name, source, source, error.diagnostics)


def rewrite(path: Path, formatted: Formatted) -> None:
    """Write a changed file back in one step; raises RunError E0904 if it cannot be written."""
    assert path != STDIN
    if formatted.changed and formatted.after is not None:
        write_atomically(path, formatted.after)


def terminal_style(stream: TextIO) -> tuple[bool, int]:
    """Return whether to color what goes to a stream, and how many columns it has."""
    if not stream.isatty():
        return False, 100
    return not os.environ.get("NO_COLOR"), shutil.get_terminal_size().columns


def file_of(path: Path) -> Path | None:
    """Return where a text belongs that may extend others; None for the standard input."""
    return None if path == STDIN else path


def shown_path(path: Path) -> str:
    """Return what messages call a path."""
    return "<stdin>" if path == STDIN else str(path)


def read_path(path: Path) -> str:
    """Return the text of a file or the standard input; raises ArchitectureError if it cannot."""
    if path == STDIN:
        return decode(sys.stdin.buffer.read(MAX_BYTES + 1), "<stdin>")
    return read_text(path)


def _summary(space: SpaceDefinition) -> str:
    if space.layers is None:
        return f"space of {space.slots} slots, blocks {', '.join(space.blocks)}"
    layers = "1 layer" if space.slots == 1 else f"{space.slots} layers"
    return f"{layers}, {compress(space.layers)}"
