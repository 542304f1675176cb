"""Which names a place can use, and in which file each is defined.

A section sees its own blocks and patterns, those of the architecture if it is a scale, and those of
every file that is extended. Files are read as they are saved.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from lark import Token

from aira_dsl.language import ArchitectureError
from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.documents import read_text
from aira_dsl.language.semantics.inheritance import Origin, base_path
from aira_dsl.language.syntax.cutter import outline
from aira_dsl.language.syntax.outline import Item, Outline, Part, path_in
from aira_dsl.language.syntax.tree import Statement


class Source(NamedTuple):
    """A text and the file it belongs to, if any."""

    text: str
    path: Path | None

    @property
    def outline(self) -> Outline:
        """Its sections and statements."""
        return outline(self.text)


class Named(NamedTuple):
    """Where a block, a pattern or a scale is defined."""

    source: Source
    part: Part
    item: Item


class Scope:
    """What can be seen from a section of a text.

    Attributes:
        sources: the text, then the files that it builds on.
    """

    def __init__(self, source: Source, part: Part | None = None) -> None:
        self.sources = list(_chain(source))
        self._part = part

    def sections(self) -> Iterator[tuple[Source, Part]]:
        """Yield the sections that are seen, the nearest first."""
        name = self._part.name if self._part and self._part.kind == "scale" else None
        for source in self.sources if name else ():
            for part in source.outline.parts:
                if part.kind == "scale" and part.name and name and part.name.text == name.text:
                    yield source, part
        for source in self.sources:
            if source.outline.main is not None:
                yield source, source.outline.main

    def names(self) -> dict[str, Named]:
        """Return every block and pattern that is seen, by name."""
        found: dict[str, Named] = {}
        for source, part in self.sections():
            for item in part.items:
                if item.defines and item.name is not None:
                    found.setdefault(item.name.text, Named(source, part, item))
        return found

    def kind_of(self, name: str) -> str | None:
        """Return the kind of a block, or None if there is no such block."""
        named = self.names().get(name)
        return named.item.kind.text if named and named.item.kind else None

    def inherited_scales(self) -> dict[str, tuple[Source, Part]]:
        """Return the scales of the files that are extended."""
        found: dict[str, tuple[Source, Part]] = {}
        for source in self.sources[1:]:
            for part in source.outline.parts:
                if part.kind == "scale" and part.name is not None:
                    found.setdefault(part.name.text, (source, part))
        return found


def base_of(source: Source, origin: Origin | None = None) -> Path | None:
    """Return the file that a text extends, if it may be read."""
    part = source.outline.parts[0] if source.outline.parts else None
    item = part.item("extends") if part else None
    path = path_in(item, source.text) if item else None
    if item is None or path is None or source.path is None:
        return None
    key = Token("NAME", item.key, start_pos=item.start, end_pos=item.words[0].end)
    start, end = path[1] - 1, path[1] + len(path[0]) + 1
    value = Token("STRING", f'"{path[0]}"', start_pos=start, end_pos=end)
    sink = Sink(source.text, str(source.path))
    try:
        return base_path(Statement(key, value), origin or Origin.of(source.path), sink)
    except (OSError, ValueError):  # not the name of any file
        return None


def _chain(source: Source) -> Iterator[Source]:
    origin = None if source.path is None else Origin.of(source.path)
    while True:
        yield source
        path = base_of(source, origin)
        if path is None or origin is None:
            return
        try:
            source = Source(read_text(path).removeprefix("\ufeff"), path)
        except ArchitectureError:
            return
        origin = origin.enter(path)
