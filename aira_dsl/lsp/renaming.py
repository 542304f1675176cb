"""A block or a pattern gets another name, wherever the file uses it.

Only names that the file itself defines, and only if the text means the same afterwards: both texts
are read, and neither new mistakes nor another architecture may come of it.
"""

import re
from typing import NamedTuple

from aira_dsl.architecture import Architecture
from aira_dsl.language import ArchitectureError, check, parse
from aira_dsl.language.layout import repeat
from aira_dsl.language.semantics.sorting import MAX_NAME
from aira_dsl.language.syntax.outline import Item, Part
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.lsp.scope import Scope, Source

_NAME = re.compile(r"[A-Za-z_]\w*", re.ASCII)


class Edit(NamedTuple):
    """`text[start:end]` becomes `text`."""

    start: int
    end: int
    text: str


class Refusal(Exception):
    """Why something is not renamed, for a person."""


def renamed_at(source: Source, offset: int) -> Lexeme:
    """Return the name at an offset; raises Refusal if it is none that can be renamed."""
    part, item = source.outline.at(offset)
    word = source.outline.word_at(offset)
    if part is None or item is None or word is None:
        raise Refusal("only blocks and patterns are renamed")
    if word != item.name and word not in item.used:
        raise Refusal("only blocks and patterns are renamed")
    scope = Scope(source, part)
    if any(word.text in Scope(each).names() for each in scope.sources[1:2]):
        raise Refusal(f"{word.text} comes from a file that this one extends")
    if word.text not in scope.names():
        raise Refusal(f"{word.text} is not defined in this file")
    return word


def rename(source: Source, offset: int, name: str) -> list[Edit]:
    """Return the edits that give the name at an offset another one.

    Raises:
        Refusal: the name cannot be used, or the text would mean something else.
    """
    word = renamed_at(source, offset)
    part, _ = source.outline.at(offset)
    assert part is not None, "a name is in a section"
    if not _NAME.fullmatch(name) or len(name) > MAX_NAME:
        raise Refusal(f"a name is at most {MAX_NAME} letters, digits and `_`, and begins with none")
    parts = _parts(word.text, part, source)
    if any(name in Scope(source, each).names() for each in parts):
        raise Refusal(f"{name} is defined already")
    edits = [
        _edit(each, item, name, source.text)
        for owner in parts
        for item in owner.items
        for each in _uses(item, word.text)
    ]
    _require_same_meaning(source, edits)
    return edits


def apply(text: str, edits: list[Edit]) -> str:
    """Return a text after some edits, which must not overlap."""
    for edit in sorted(edits, reverse=True):
        text = text[: edit.start] + edit.text + text[edit.end :]
    return text


def _parts(name: str, part: Part, source: Source) -> list[Part]:
    """Return the sections in which the name means the same."""
    main = source.outline.main
    shared = main is not None and main.definition(name) is not None
    return list(source.outline.parts) if shared else [part]


def _uses(item: Item, name: str) -> list[Lexeme]:
    named = [item.name] if item.name else []
    return [each for each in [*named, *item.used] if each.text == name]


def _edit(word: Lexeme, item: Item, name: str, text: str) -> Edit:
    """Replace a name; `2A` becomes `2×e3`, since `2e3` is a number."""
    index = item.words.index(word)
    before = item.words[index - 1]
    if before.kind == "number" and before.end == word.start:
        return Edit(before.start, word.end, repeat(before.text, name))
    return Edit(word.start, word.end, name)


def _require_same_meaning(source: Source, edits: list[Edit]) -> None:
    after = apply(source.text, edits)
    meaning = _read(after, source)
    if not meaning and _errors(after, source) > _errors(source.text, source):
        raise Refusal("the text would have more mistakes than now")
    if meaning != _read(source.text, source):
        raise Refusal("the text would mean something else")


def _errors(text: str, source: Source) -> int:
    return sum(each.severity == "error" for each in check(text, file=source.path))


def _read(text: str, source: Source) -> list[str]:
    """Return what a text means, without names; nothing if it has errors."""
    try:
        architecture = parse(text, file=source.path)
    except ArchitectureError:
        return []
    scales: list[Architecture] = [architecture.at(name) for name in architecture.scales]
    return [each.fingerprint for each in (architecture, *scales)]
