"""Where a name is defined, and what a file consists of."""

from pathlib import Path
from typing import NamedTuple

from aira_dsl.language.syntax.outline import Item, Part, path_in
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.language.vocabulary import DEFINITIONS
from aira_dsl.lsp.scope import Named, Scope, Source, base_of


class Place(NamedTuple):
    """A piece of a file.

    Attributes:
        path: the file; None for the text at hand.
        text: the text of that file, which the offsets refer to.
        start, end: the piece that matters, a name for one.
    """

    path: Path | None
    text: str
    start: int
    end: int


class Symbol(NamedTuple):
    """A section or a statement, for the outline of an editor.

    Attributes:
        name, detail: what to call it.
        kind: `section`, `block`, `pattern` or `setting`.
        start, end: all of it.
        name_start, name_end: the word to go to.
        children: the statements of a section.
    """

    name: str
    detail: str
    kind: str
    start: int
    end: int
    name_start: int
    name_end: int
    children: tuple["Symbol", ...] = ()


def definition(source: Source, offset: int) -> Place | None:
    """Return where the name at an offset is defined, or the file that a path means."""
    part, item = source.outline.at(offset)
    word = source.outline.word_at(offset)
    if part is None:
        return None
    if item is not None and item.key == "extends":
        return _base(source, item, offset)
    if word is None:
        return None
    scope = Scope(source, part)
    if item is None:
        return _scale(part, word, scope)
    if word != item.name and word not in item.used:
        return None
    return _place(scope.names().get(word.text), source)


def symbols(source: Source) -> list[Symbol]:
    """Return the sections of a text with their statements."""
    found = []
    for part in source.outline.parts:
        name, word = part.name, part.header[0]
        at = name or word
        title = name.text if name else word.text
        children = tuple(_symbol(each, source.text) for each in part.items)
        each = Symbol(title, word.text, "section", part.start, part.end, at.start, at.end, children)
        found.append(each)
    return found


def _symbol(item: Item, text: str) -> Symbol:
    at = item.name or item.words[0]
    kind = item.key if item.name else "setting"
    detail = item.kind.text if item.kind else text[item.words[0].end : item.end].strip()
    if item.name is not None and item.kind is None:
        detail = text[item.name.end : item.end].strip()
    first = detail.partition("\n")[0][:80]
    name = at.text if item.key in DEFINITIONS - {"layer"} else item.key
    return Symbol(name, first, kind, item.start, item.end, at.start, at.end)


def _base(source: Source, item: Item, offset: int) -> Place | None:
    """Return the beginning of the file that is extended."""
    written = path_in(item, source.text)
    path = base_of(source)
    if written is None or path is None or offset < written[1] - 1 or not path.is_file():
        return None
    base = Scope(source).sources[1:2]
    return Place(path, base[0].text if base else "", 0, 0)


def _scale(part: Part, word: Lexeme, scope: Scope) -> Place | None:
    """Return the scale of an extended file that this one changes."""
    name = part.name
    if part.kind != "scale" or name is None or not name.start <= word.start < name.end:
        return None
    found = scope.inherited_scales().get(name.text)
    if found is None or found[1].name is None:
        return None
    source, base = found
    at = base.name
    assert at is not None, "scales are found by name"
    return Place(source.path, source.text, at.start, at.end)


def _place(named: Named | None, source: Source) -> Place | None:
    if named is None or named.item.name is None:
        return None
    path = None if named.source is source else named.source.path
    at = named.item.name
    return Place(path, named.source.text, at.start, at.end)
