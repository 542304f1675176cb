"""Syntax tree -> what is written by key; reports what is unknown, misplaced or given twice.

One rule keeps diagnostics useful: nothing is reported that follows from something already
reported. What is wrong is remembered as present but unknown (a misspelt `widht` is still a width).
"""

import re
from collections.abc import Sequence
from functools import partial
from typing import Any

from lark import Token

from aira_dsl.language.sink import Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.suggest import did_you_mean, nearest, suggestion
from aira_dsl.language.tree import (
    Broken,
    Change,
    Definition,
    Item,
    Override,
    Section,
    Statement,
    end_of,
    start_of,
)
from aira_dsl.language.written import (
    DEFINITIONS,
    SECTIONS,
    STATEMENTS,
    File,
    Recipe,
    Written,
    blank,
    known_statements,
)

MAX_NAME = 64
_HOW = {
    "block": "a block is defined by `block NAME = KIND { … }`",
    "pattern": "a pattern is defined by `pattern NAME = 2A-M`",
    "layer": "layers are overridden by `layer 3, 7-9 { … }`",
}


def sort_file(sections: Sequence[Section], sink: Sink) -> File:
    """Sort all sections of a file; the first architecture or space is the main one."""
    main: Written | None = None
    scales: dict[str, Written] = {}
    for section in sections:
        written = _Sorter(section, sink, later=main is not None).run()
        name = str(section.name or "")
        if written.kind != "scale":
            if main is None:
                main = written
            else:
                _report_again(sink, section.word, main.word, "a file holds one of them")
        elif section.name is None:
            at, help_text = section.word, "write `scale 1b { … }`"
            sink.add("E0209", start_of(at), end_of(at), "a scale needs a name", help_text)
        elif name in scales:
            before = scales[name].name or section.word
            _report_again(sink, section.name, before, "rename or delete one of them")
        else:
            scales[name] = written
    if main is None:
        first = sections[0]
        message, help_text = "the file has no architecture", "write `architecture NAME { … }` first"
        if not sink:
            sink.add("E0209", start_of(first.word), end_of(first.word), message, help_text)
        main = blank(first._replace(name=None), "architecture")
        main.any_name = True
        main.poisoned.add("layers")
    return File(main, scales)


def _report_again(sink: Sink, token: Token, before: Token, help_text: str) -> None:
    line = sink.line_of(start_of(before))
    message = f"a second section {quoted(token)}, the first is in line {line}"
    sink.add("E0224", start_of(token), end_of(token), message, help_text)


class _Sorter:
    """One pass over a section."""

    def __init__(self, section: Section, sink: Sink, *, later: bool) -> None:
        self.section = section
        self.sink = sink
        self.written = blank(section, self._kind(later))

    def run(self) -> Written:
        self._name(self.section.name, "section")
        if self.section.name is not None:
            self._check_title(self.section.name)
        for item in self.section.items:
            self._sort(item)
        return self.written

    def _kind(self, later: bool) -> str:
        word = self.section.word
        if word in SECTIONS:
            return str(word)
        message = f"unknown kind of section {quoted(word)}"
        self._at(word, "E0201", message, suggestion(word, SECTIONS, "kinds of sections"))
        return nearest(word, SECTIONS) or ("scale" if later else "architecture")

    def _check_title(self, name: Token) -> None:
        if len(name) != end_of(name) - start_of(name):
            self._at(name, "E0101", "a name is one word, without spaces", None)
        elif re.match(r"[0-9]+([eE]|_)[0-9]", name):
            self._at(name, "E0101", f"{quoted(name)} reads as a number", "write `1b`, for example")
        elif name[0].isdigit() and self.written.kind != "scale":
            message = f"the name of this {self.written.kind} begins with a digit"
            self._at(name, "E0101", message, "names begin with a letter or `_`")

    def _sort(self, item: Item) -> None:
        if isinstance(item, Broken):
            self._sort_broken(item.words)
            self.written.any_name |= item.swallows
        elif isinstance(item, Definition):
            self._sort_definition(item)
        elif isinstance(item, Change):
            self._sort_change(item)
        elif isinstance(item, Override):
            self._sort_override(item)
        else:
            self._sort_statement(item)

    def _sort_broken(self, words: tuple[str, ...]) -> None:
        key = nearest(words[0], STATEMENTS) if words else None
        if key in {None, "block", "pattern"}:
            self.written.lost.update(words[1:2])
            self.written.any_name |= len(words) < 2
        else:
            self.written.poisoned.add(str(key))

    def _sort_definition(self, item: Definition) -> None:
        word = str(item.word)
        if word not in {"block", "pattern"}:
            word = self._unknown_definition(item.word, ["block", "pattern"])
        elif not self._belongs(item.word):
            self.written.lost.add(str(item.name))
            return
        self._name(item.name, word)
        name = str(item.name)
        if self._is_given(item.name):
            return
        if word == "pattern":
            self._sort_pattern(item)
        elif item.kind is None or item.kind.type != "NAME":
            start, end = item.value[0].start, item.value[-1].end
            message = f"a block has one kind, not {quoted(self.sink.whole[start:end])}"
            self.sink.add("E0204", start, end, message, _HOW["block"])
            self.written.lost.add(name)
        else:
            parts = () if item.parameters is None else (item.parameters,)
            self.written.blocks[name] = Recipe(item.name, item.kind, parts)

    def _sort_pattern(self, item: Definition) -> None:
        self.written.patterns[str(item.name)] = item
        if item.parameters is not None:
            start, end = item.parameters.start, item.parameters.end
            message = "a pattern has no parameters"
            self.sink.add("E0202", start, end, message, "give them to its blocks")

    def _sort_change(self, item: Change) -> None:
        if item.word == "scale":
            message = "a scale is a section of its own"
            help_text = f"write `scale {item.name} {{ … }}` behind the last line of this section"
            self.sink.add("E0216", item.start, item.end, message, help_text)
            return
        if item.word != "block":
            self._unknown_definition(item.word, ["block"])
            self.written.lost.add(str(item.name))
            return
        if self._is_given(item.name):
            return
        self.written.changes[str(item.name)] = (item,)

    def _is_given(self, name: Token) -> bool:
        """Whether the section has a block or a pattern of this name already; reports it."""
        written = self.written
        given = {
            **{key: recipe.name for key, recipe in written.blocks.items()},
            **{key: each.name for key, each in written.patterns.items()},
            **{key: change.name for key, (change, *_) in written.changes.items()},
        }
        if name not in given:
            return False
        first = self.sink.line_of(start_of(given[str(name)]))
        message = f"block {quoted(name)} is defined twice, first in line {first}"
        if str(name) in written.patterns:
            message = f"{quoted(name)} is defined twice, as a pattern in line {first}"
        self._at(name, "E0207", message, "rename or delete one of them")
        written.any_name = True  # one of the two was meant to have another name
        return True

    def _sort_override(self, item: Override) -> None:
        if item.word != "layer":
            self._unknown_definition(item.word, ["layer"])
        elif self._belongs(item.word):
            self.written.overrides = (*self.written.overrides, item)

    def _unknown_definition(self, word: Token, known: list[str]) -> str:
        """Report a word that defines nothing; return the one that was meant, or the first."""
        meant = nearest(word, known)
        help_text = did_you_mean(meant) if meant else _HOW[known[0]]
        self._at(word, "E0202", f"unknown statement {quoted(word)}", help_text)
        return meant or known[0]

    def _sort_statement(self, item: Statement) -> None:
        key = str(item.key)
        known = known_statements(self.written.kind)
        if key in {"block", "pattern"}:
            message = "a block needs a kind" if key == "block" else "a pattern needs a `=`"
            self.sink.add("E0202", item.start, item.end, message, _HOW[key])
            rest = self.sink.whole[end_of(item.key) : item.end].split()[:1]
            self._sort_broken((key, *rest))
        elif key in STATEMENTS - DEFINITIONS and key not in known:
            self._belongs(item.key)
        elif key not in known:
            self._unknown_statement(item, known)
        elif key in self.written.settings:
            first = self.sink.line_of(self.written.settings[key].start)
            message = f"{quoted(key)} is given twice, first in line {first}"
            self._at(item.key, "E0206", message, "delete one of them")
        else:
            self.written.settings[key] = item

    def _unknown_statement(self, item: Statement, known: list[str]) -> None:
        known = [*known, "block"]
        message = f"unknown setting {quoted(item.key)}"
        help_text = partial(suggestion, item.key, known, "known")
        self._at(item.key, "E0202", message, help_text)
        meant = nearest(item.key, known)
        if meant == "block":
            self.written.any_name = True
        self.written.poisoned.add(meant or "")

    def _belongs(self, word: Token) -> bool:
        """Whether a statement belongs in this kind of section; reports it if not."""
        kind = self.written.kind
        if word in SECTIONS[kind]:
            return True
        article = "an" if kind == "architecture" else "a"
        takes = {"architecture": "layers", "space": "slots"}.get(kind)
        if takes and word in {"layers", "slots"}:
            help_text = f"{article} {kind} takes `{takes}`"
            self.written.poisoned.add(takes)
        elif word in SECTIONS["architecture"]:
            help_text = "it belongs in the architecture"
        else:
            home = "scale" if word in SECTIONS["scale"] else "space"
            help_text = f"it belongs in a `{home} NAME {{ … }}` section"
        message = f"{quoted(word)} does not belong in {article} {kind}"
        self._at(word, "E0216", message, help_text)
        return False

    def _name(self, token: Token | None, what: str) -> None:
        if token is not None and len(token) > MAX_NAME:
            message = f"the name of this {what} has {len(token):,} letters, the limit is {MAX_NAME}"
            self._at(token, "E0215", message, None)

    def _at(self, token: Token, code: str, message: str, help_text: Any) -> None:
        self.sink.add(code, start_of(token), end_of(token), message, help_text)
