"""`extends "base.arch"`: which file is meant, and whether it may be read.

Paths are relative to the file that says so. They may not leave the project: the nearest folder
above the file that has a `.git` or a `pyproject.toml`, or else the file's own folder, or what
AIRA_DSL_ROOT says. So a file from elsewhere can be checked without it reading what it likes.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from lark import Token

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.syntax.tree import Section, Statement, end_of, start_of

ROOT_VARIABLE = "AIRA_DSL_ROOT"
MAX_CHAIN = 8
"""Files that build on one another, at most."""

_MARKS = (".git", "pyproject.toml")


@dataclass(frozen=True)
class Origin:
    """Where a text comes from.

    Attributes:
        path: its file, with symbolic links resolved.
        root: the project, with symbolic links resolved.
        chain: the files that led here, the first one first, this one last.
    """

    path: Path
    root: Path
    chain: tuple[Path, ...]

    @classmethod
    def of(cls, path: str | Path, root: str | Path | None = None) -> "Origin":
        """Return the origin of a file that a caller named."""
        real = Path(path).resolve()
        given = root or os.environ.get(ROOT_VARIABLE)
        return cls(real, Path(given).resolve() if given else _project(real.parent), (real,))

    def enter(self, path: Path) -> "Origin":
        """Return the origin of a file that this one extends."""
        return replace(self, path=path, chain=(*self.chain, path))


def extends(sections: Sequence[Section]) -> Statement | None:
    """Return the first `extends` statement of a file."""
    for item in sections[0].items:
        if isinstance(item, Statement) and item.key == "extends":
            return item
    return None


def base_path(item: Statement, origin: Origin | None, sink: Sink) -> Path | None:
    """Return the file that an `extends` statement means, or report why there is none."""
    value = item.value
    if not isinstance(value, Token) or value.type != "STRING":
        start = start_of(value) if isinstance(value, Token) else value[0].start
        written = sink.whole[start : item.end]
        message = f"`extends` takes a path in quotes, not {quoted(written)}"
        sink.add("E0210", start, item.end, message, Hint("put it in quotes", f'"{written}"'))
        return None
    start, end = start_of(value), end_of(value)
    if origin is None:
        help_text = "save the text as a file, or write out what it extends"
        sink.add("E0310", start, end, "a text that is not a file cannot extend one", help_text)
        return None
    path = _real_path(origin.path.parent, value[1:-1])
    if path is None:
        message = f"{quoted(value[1:-1])} cannot be the path of a file"
        sink.add("E0304", start, end, message, "check for odd characters, and links in a circle")
    elif not path.is_relative_to(origin.root):
        message = f"{quoted(value[1:-1])} lies outside the project {origin.root}"
        help_text = f"move it inside, or set {ROOT_VARIABLE} to a folder that holds both"
        sink.add("E0308", start, end, message, help_text)
    elif path in origin.chain:
        names = [each.name for each in (*origin.chain[origin.chain.index(path) :], path)]
        message = f"files extend each other in a circle: {' → '.join(names)}"
        sink.add("E0307", start, end, message, "one of them must extend none of the others")
    elif len(origin.chain) > MAX_CHAIN:
        message = f"more than {MAX_CHAIN} files extend one another"
        sink.add("E0311", start, end, message, "write fewer, larger files")
    else:
        return path
    return None


def shown_name(path: Path, filename: str) -> str:
    """Name an extended file as the user would: relative to where the extending one was named."""
    return os.path.relpath(path, Path(filename).resolve().parent)


def _real_path(folder: Path, written: str) -> Path | None:
    """Follow a path to its file; None for NUL bytes and for links that lead in a circle."""
    try:
        path = (folder / written).resolve()
        path.exists()
    except (ValueError, RuntimeError, OSError):
        return None
    return path


def _project(folder: Path) -> Path:
    for each in (folder, *folder.parents):
        if any((each / mark).exists() for mark in _MARKS):
            return each
    return folder
