"""Statements of a section -> what is written by key; reports the unknown, misplaced and repeated.

One rule keeps diagnostics useful: nothing is reported that follows from something already
reported. What is wrong is remembered as present but unknown (a misspelt `widht` is still a width).
"""

import re
from functools import partial
from typing import Any

from lark import Token

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.foreign_words import advice, meant
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.suggest import did_you_mean, nearest
from aira_dsl.language.diagnostics.syntax_help import HOW
from aira_dsl.language.semantics.declarations import Recipe, Written, blank
from aira_dsl.language.syntax.tree import (
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
from aira_dsl.language.vocabulary import DEFINITIONS, SECTIONS, STATEMENTS, known_statements
from aira_dsl.primitives.registry import KINDS

MAX_NAME = 64


class Sorter:
    """One pass over a section."""

    def __init__(self, section: Section, sink: Sink, *, later: bool) -> None:
        self.section = section
        self.sink = sink
        self.written = blank(section, self._kind(later))
        self.keys = {str(each.key) for each in section.items if isinstance(each, Statement)}

    def run(self) -> Written:
        """Return what the section says."""
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
        self._at(word, "E0201", message, advice(word, "section", SECTIONS, "kinds of sections"))
        return meant(word, "section", SECTIONS) or ("scale" if later else "architecture")

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
        if key == "extends":
            self._lose_base()
        elif key in {None, "block", "pattern"}:
            self.written.lost.update(words[1:2])
            self.written.any_name |= len(words) < 2
        else:
            self.written.poisoned.add(str(key))

    def _lose_base(self) -> None:
        """Note that anything may have been meant to be inherited."""
        self.written.any_name = True
        self.written.poisoned |= {"extends", "width", "layers", "slots"}

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
            self.sink.add("E0204", start, end, message, HOW["block"])
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
        if item.word in SECTIONS:
            message = f"{quoted(item.word)} begins a section of its own"
            self._at(item.word, "E0216", message, "write it after the last line of this section")
        elif item.word == "layer":
            message = f"layers are overridden by their numbers, not by {quoted(item.name)}"
            self._at(item.name, "E0219", message, "for example `layer 3, 7-9 { … }`")
        elif item.word != "block":
            self._unknown_change(item)
            self.written.lost.add(str(item.name))
        elif not self._is_given(item.name, again="changed"):
            self.written.changes[str(item.name)] = (item,)

    def _unknown_change(self, item: Change) -> None:
        """Report `mlp M { … }`, or another word that changes nothing."""
        if item.word not in KINDS:
            self._unknown_definition(item.word, ["block"])
            return
        edit = f"block {item.name} = {item.word}"
        hint = Hint(f"write `{edit} {{ … }}`", edit, (item.start, end_of(item.name)))
        self._at(item.word, "E0202", f"unknown statement {quoted(item.word)}", hint)

    def _is_given(self, name: Token, again: str = "defined") -> bool:
        """Whether the section has a block or a pattern of this name already; reports it."""
        given = self._given(str(name))
        if given is None:
            return False
        first = self.sink.line_of(start_of(given))
        message = f"block {quoted(name)} is defined twice, first in line {first}"
        help_text = "rename or delete one of them"
        if again == "changed" and str(name) in self.written.changes:
            message = f"block {quoted(name)} is changed twice, first in line {first}"
            help_text = "say all of it in one statement"
        if str(name) in self.written.patterns:
            message = f"{quoted(name)} is defined twice, as a pattern in line {first}"
        self._at(name, "E0207", message, help_text)
        self.written.any_name = True  # one of the two was meant to have another name
        return True

    def _given(self, name: str) -> Token | None:
        """Return where the section first has a name: in a change, a pattern or a block."""
        written = self.written
        if name in written.changes:
            return written.changes[name][0].name
        found = written.patterns.get(name) or written.blocks.get(name)
        return None if found is None else found.name

    def _sort_override(self, item: Override) -> None:
        if item.word != "layer":
            self._unknown_definition(item.word, ["layer"])
        elif self._belongs(item.word):
            self.written.overrides = (*self.written.overrides, item)

    def _unknown_definition(self, word: Token, known: list[str]) -> str:
        """Report a word that defines nothing; return the one that was meant, or the first."""
        near = nearest(word, known)
        help_text = did_you_mean(near) if near else HOW[known[0]]
        self._at(word, "E0202", f"unknown statement {quoted(word)}", help_text)
        return near or known[0]

    def _sort_statement(self, item: Statement) -> None:
        key = str(item.key)
        known = known_statements(self.written.kind)
        if key in {"block", "pattern"}:
            message = "a block needs a kind" if key == "block" else "a pattern needs a `=`"
            self.sink.add("E0202", item.start, item.end, message, self._equals(item))
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

    def _equals(self, item: Statement) -> Hint:
        """Return the help for a definition without `=`: where it belongs, if more than a name."""
        key = str(item.key)
        match = re.compile(r"\s+(\w+)(\s+|$)").match(self.sink.text, end_of(item.key), item.end)
        if match is None or match.end() == item.end:
            return Hint(HOW[key])
        return Hint(HOW[key], " = ", match.span(2))

    def _unknown_statement(self, item: Statement, known: list[str]) -> None:
        if item.key == "layer" and "layers" in self.written.settings:
            message = "a layer is overridden by parameters in braces"
            self.sink.add("E0202", item.start, item.end, message, HOW["layer"])
            return
        known = [*known, "block"]
        message = f"unknown setting {quoted(item.key)}"
        help_text = partial(advice, item.key, "setting", known, "known", taken=self.keys)
        self._at(item.key, "E0202", message, help_text)
        word = meant(item.key, "setting", known)
        if word == "block":
            self.written.any_name = True
        elif word == "extends":
            self._lose_base()
        self.written.poisoned.add(word or "")

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
