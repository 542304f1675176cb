"""What may be written at a place: words with what they mean, names, paths.

Only the text before the cursor counts, so that half-written text after it
does no harm; names are those of the whole file and of what it extends.
"""

import os
import re
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

from aira_dsl.language.semantics.inheritance import Origin
from aira_dsl.language.syntax.cutter import outline
from aira_dsl.language.syntax.outline import Item, Part, path_in
from aira_dsl.language.vocabulary import DEFINITIONS, PATTERNS, SECTIONS
from aira_dsl.lsp import keyword_docs
from aira_dsl.lsp.scope import Named, Scope, Source
from aira_dsl.primitives.registry import KINDS

_PREFIX = re.compile(r"[A-Za-z_]\w*$", re.ASCII)
_LISTED = 200
"""Paths offered at most, and entries of a folder that are looked at: no folder costs more."""


class Proposal(NamedTuple):
    """One word that may be written here.

    Attributes:
        label: the word.
        kind: `keyword`, `setting`, `parameter`, `kind`, `value`, `block`, `pattern`, `scale`
            or `file`.
        detail: its type, default or kind in a few words.
        text: what it means, Markdown.
    """

    label: str
    kind: str
    detail: str = ""
    text: str = ""


class Completion(NamedTuple):
    """What may be written in place of `text[start:end]`."""

    start: int
    end: int
    proposals: list[Proposal]


def complete(source: Source, offset: int) -> Completion:
    """Return what may be written at an offset."""
    before = source.text[:offset]
    path = _open_path(before)
    if path is not None:
        return Completion(offset - len(path), offset, list(_paths(source, path)))
    match = _PREFIX.search(before)
    start = match.start() if match else offset
    cut = outline(before[:start])
    nothing = Completion(start, offset, [])
    if cut.words and cut.words[-1].kind == "comment" and "\n" not in before[cut.words[-1].start :]:
        return nothing
    part = cut.parts[-1] if cut.parts else None
    here, _ = source.outline.at(start)
    scope = Scope(source, here or part)
    if part is None or part.closed or (part.open is None and before[part.end :].strip(" \t")):
        return nothing._replace(proposals=list(_sections(source)))
    if part.open is None:
        return nothing._replace(proposals=list(_titles(part, scope)))
    item = part.items[-1] if part.items and not part.items[-1].finished else None
    if item is None:
        given = {each.key for each in (here or part).items if each.start != start}
        return nothing._replace(proposals=list(_statements(part.kind, given)))
    found = _inside(item, part, scope)
    return nothing._replace(proposals=list(found))


def _sections(source: Source) -> Iterator[Proposal]:
    main = source.outline.main
    for word, text in keyword_docs.SECTION_TEXTS.items():
        if (word == "scale") == (main is not None):
            yield Proposal(word, "keyword", "section", text)


def _titles(part: Part, scope: Scope) -> Iterator[Proposal]:
    """Offer the scales that may be changed."""
    if part.kind == "scale" and part.name is None:
        for name, (source, _) in scope.inherited_scales().items():
            yield Proposal(name, "scale", f"from {_name(source)}")


def _statements(kind: str, given: set[str]) -> Iterator[Proposal]:
    """Offer the statements of a section, without those it has."""
    for word in SECTIONS[kind]:
        if word in DEFINITIONS or word not in given:
            entry = keyword_docs.statements()[word]
            kind = "keyword" if not entry.detail else "setting"
            yield Proposal(word, kind, entry.detail, entry.text)


def _inside(item: Item, part: Part, scope: Scope) -> Iterable[Proposal]:
    """Offer what may follow the words of a statement."""
    if any(each.text == "{" for each in item.opened):
        return _parameters(item, scope)
    if item.key in PATTERNS or (item.key == "pattern" and item.defines):
        own = item.name.text if item.name else None
        return _names(each for each in scope.names().items() if each[0] != own)
    if item.key == "block":
        return _block(item, scope)
    if item.key == "extends" and len(item.words) == 1:
        return (each._replace(label=f'"{each.label}"') for each in _paths(scope.sources[0], ""))
    entry = keyword_docs.statements().get(item.key) if len(item.words) == 1 else None
    return _values(entry) if entry is not None and item.key in SECTIONS[part.kind] else ()


def _block(item: Item, scope: Scope) -> Iterator[Proposal]:
    """Offer the name or the kind of a block."""
    if len(item.words) == 1:
        blocks = ((name, each) for name, each in scope.names().items() if each.item.kind)
        yield from _names(blocks)
    elif item.defines and len(item.words) == 3:
        for kind in KINDS:
            entry = keyword_docs.kind(kind)
            yield Proposal(kind, "kind", entry.detail, entry.text)


def _parameters(item: Item, scope: Scope) -> Iterator[Proposal]:
    """Offer the parameters of the kind at hand that are not given yet, or the values of one."""
    brace = item.brace
    assert brace is not None, "one is open"
    inside = item.words[brace + 1 :]
    known = _known(item, scope)
    last = inside[-1] if inside else None
    if last is not None and last.kind == "name" and last.text in known:
        yield from _values(known[last.text])
    elif last is None or last.kind == "line" or last.text == ",":
        given = {each.text for each in inside}
        for name, entry in known.items():
            if name not in given:
                yield Proposal(name, "parameter", entry.detail, entry.text)


def _known(item: Item, scope: Scope) -> dict[str, keyword_docs.Entry]:
    """Return the parameters that the braces of a statement may hold."""
    if item.kind is not None:
        return keyword_docs.parameters(item.kind.text)
    if item.key == "block" and item.name is not None:
        return keyword_docs.parameters(scope.kind_of(item.name.text) or "")
    if item.key != "layer":
        return {}
    kinds = {each.item.kind.text for each in scope.names().values() if each.item.kind}
    return {
        key: each for kind in sorted(kinds) for key, each in keyword_docs.parameters(kind).items()
    }


def _values(entry: keyword_docs.Entry) -> Iterator[Proposal]:
    for choice in entry.choices:
        yield Proposal(choice, "value", "default" if choice == entry.default else "")
    if entry.default is not None and entry.default not in entry.choices:
        yield Proposal(entry.default, "value", "default")


def _names(found: Iterable[tuple[str, Named]]) -> Iterator[Proposal]:
    for name, (source, _, item) in found:
        written = source.text[item.start : item.end]
        detail = item.kind.text if item.kind else "pattern"
        origin = "" if item.kind is None or source.path is None else f"\n# {source.path.name}"
        yield Proposal(name, "block" if item.kind else "pattern", detail, _code(written + origin))


def _code(text: str) -> str:
    return f"```arch\n{text}\n```"


def _open_path(before: str) -> str | None:
    """Return the path that is being written, or None."""
    if "extends" not in before:
        return None  # as in most texts, which need not be cut again
    cut = outline(before)
    item = cut.parts[-1].items[-1] if cut.parts and cut.parts[-1].items else None
    if item is None or item.key != "extends":
        return None
    path = path_in(item, before)
    return path[0] if path and path[1] + len(path[0]) == len(before) else None


def _paths(source: Source, written: str) -> Iterator[Proposal]:
    """Offer the architecture files and the folders that a path may lead to."""
    if source.path is None:
        return
    origin = Origin.of(source.path)
    folder = (origin.path.parent / written.rpartition("/")[0]).resolve()
    if not folder.is_relative_to(origin.root):
        return
    base = written[: written.rfind("/") + 1]
    for entry in _entries(folder):
        if entry.is_dir() and not entry.name.startswith("."):
            yield Proposal(f"{base}{entry.name}/", "file", "folder")
        elif entry.suffix == ".arch" and entry != origin.path:
            yield Proposal(f"{base}{entry.name}", "file", "file")


def _entries(folder: Path) -> list[Path]:
    try:
        with os.scandir(folder) as found:
            names = [each.name for each, _ in zip(found, range(_LISTED), strict=False)]
    except OSError:
        return []
    return [folder / name for name in sorted(names)]


def _name(source: Source) -> str:
    return "" if source.path is None else source.path.name
