"""Syntax tree -> meaning: names looked up, values checked, the pattern expanded.

One rule keeps diagnostics useful: nothing is reported that follows from something already
reported. What is wrong is remembered as present but unknown (a misspelt `widht` is still a width).
"""

from dataclasses import dataclass, field
from functools import partial
from typing import Any

from lark import Token

from aira_dsl.architecture import Architecture
from aira_dsl.language.blocks import Spec, read_block
from aira_dsl.language.patterns import resolve
from aira_dsl.language.sink import Sink
from aira_dsl.language.snippet import quoted
from aira_dsl.language.suggest import nearest, suggestion
from aira_dsl.language.tree import (
    Broken,
    Definition,
    Section,
    Statement,
    end_of,
    start_of,
)
from aira_dsl.language.values import SETTINGS, scalar, setting

SECTIONS = {"architecture": "layers", "space": "slots"}
"""Kinds of sections, and the statement that says what stands in their layers."""

STATEMENTS = frozenset({"block", *SETTINGS, *SECTIONS.values()})
MAX_NAME = 64


@dataclass
class Meaning:
    """What a section says; only complete if nothing was reported.

    Attributes:
        kind: `architecture` or `space`.
        name: the section's name, or None.
        settings: what the text sets, by name.
        blocks: resolved specs in the order of the text; None for a block that is wrong.
        layers: the expanded pattern of an architecture.
        slots: the number of slots of a space.
    """

    kind: str
    name: str | None = None
    settings: dict[str, Any] = field(default_factory=dict)
    blocks: dict[str, Spec] = field(default_factory=dict)
    layers: tuple[str, ...] | None = None
    slots: int | None = None


class Analysis:
    """One pass over a section: statements first, then blocks (they need the width), then layers."""

    def __init__(self, section: Section, sink: Sink) -> None:
        self.section = section
        self.sink = sink
        self.statements: dict[str, Statement] = {}
        self.definitions: dict[str, Definition] = {}
        self.poisoned: set[str] = set()  # statements that were meant, but are wrong
        self.lost: set[str] = set()  # blocks that were meant, but could not be read
        self.complete = not sink  # after a syntax error, what seems to be missing may be there
        self.any_name = False  # a definition lost its name: every name may be meant
        self.kind = self._kind()

    def run(self) -> Meaning:
        """Report everything that is wrong, and return the rest."""
        self._name(self.section.name, "section")
        for item in self.section.items:
            self._sort(item)
        meaning = Meaning(self.kind, self.section.name and str(self.section.name))
        self._read_settings(meaning)
        self._read_blocks(meaning)
        self._read_layers(meaning)
        self._check_missing()
        return meaning

    def _kind(self) -> str:
        word = self.section.word
        if word in SECTIONS:
            return str(word)
        message = f"unknown kind of section {quoted(word)}"
        self._at(word, "E0201", message, suggestion(word, SECTIONS, "kinds of sections"))
        return nearest(word, SECTIONS) or "architecture"

    def _sort(self, item: Statement | Definition | Broken) -> None:
        if isinstance(item, Broken):
            self._sort_broken(item.words)
            self.any_name |= item.swallows
        elif isinstance(item, Definition):
            self._sort_definition(item)
        else:
            self._sort_statement(item)

    def _sort_broken(self, words: tuple[str, ...]) -> None:
        key = nearest(words[0], STATEMENTS) if words else None
        if key in {None, "block"}:
            self.lost.update(words[1:2])
            self.any_name |= len(words) < 2
        else:
            self.poisoned.add(str(key))

    def _sort_definition(self, item: Definition) -> None:
        if item.word != "block":
            message = f"unknown statement {quoted(item.word)}"
            help_text = "a block is defined by `block NAME = KIND { … }`"
            if nearest(item.word, ["block"]):
                help_text = "did you mean `block`?"
            self._at(item.word, "E0202", message, help_text)
        self._name(item.name, "block")
        if item.name in self.definitions:
            first = self.sink.line_of(start_of(self.definitions[item.name].name))
            message = f"block {quoted(item.name)} is defined twice, first in line {first}"
            self._at(item.name, "E0207", message, "rename or delete one of them")
            self.any_name = True  # one of the two was meant to have another name
        else:
            self.definitions[str(item.name)] = item

    def _sort_statement(self, item: Statement) -> None:
        key = str(item.key)
        if key == "block":
            message = "a block needs a kind"
            help_text = "write `block NAME = KIND { … }`"
            self.sink.add("E0202", item.start, item.end, message, help_text)
            self._sort_broken((key, *self.sink.text[end_of(item.key) : item.end].split()[:1]))
        elif key not in STATEMENTS:
            self._unknown_statement(item)
        elif key in SECTIONS.values() and key != SECTIONS[self.kind]:
            self._misplaced_statement(item)
        elif key in self.statements:
            first = self.sink.line_of(self.statements[key].start)
            message = f"{quoted(key)} is given twice, first in line {first}"
            self._at(item.key, "E0206", message, "delete one of them")
        else:
            self.statements[key] = item

    def _unknown_statement(self, item: Statement) -> None:
        known = [*SETTINGS, SECTIONS[self.kind], "block"]
        message = f"unknown setting {quoted(item.key)}"
        help_text = partial(suggestion, item.key, known, "known")
        self._at(item.key, "E0202", message, help_text)
        meant = nearest(item.key, known)
        if meant == "block":
            self.any_name = True
        self.poisoned.add(meant or "")

    def _misplaced_statement(self, item: Statement) -> None:
        right = SECTIONS[self.kind]
        article = "an" if self.kind == "architecture" else "a"
        message = f"{quoted(item.key)} does not belong in {article} {self.kind}"
        self._at(item.key, "E0216", message, f"{article} {self.kind} takes `{right}`")
        self.poisoned.add(right)

    def _read_settings(self, meaning: Meaning) -> None:
        for key, item in self.statements.items():
            if key == "layers":
                continue
            value = self._single(item)
            if value is None:
                continue
            checked, rule = setting(key, scalar(value))
            if rule is not None:
                message = f"`{key}` {rule.text}, not {quoted(value)}"
                self._at(value, "E0210", message, rule.help)
                self.poisoned.add(key)
            elif key == "slots":
                meaning.slots = checked
            else:
                meaning.settings[key] = checked

    def _single(self, item: Statement) -> Token | None:
        """Return the one word or number of a setting, or report and return None."""
        if isinstance(item.value, Token):
            return item.value
        only = item.value[0]
        if len(item.value) == 1 and only.times is None and isinstance(only.body, Token):
            return only.body
        written = quoted(self.sink.text[only.start : item.end])
        message = f"`{item.key}` takes one value, not {written}"
        self.sink.add("E0210", only.start, item.end, message)
        self.poisoned.add(str(item.key))
        return None

    def _read_blocks(self, meaning: Meaning) -> None:
        width = meaning.settings.get("width", Architecture.model_fields["width"].default)
        if "width" in self.poisoned:
            width = None
        given = self.statements.get("width")
        at_width = given.value if given and isinstance(given.value, Token) else None
        for name, definition in self.definitions.items():
            meaning.blocks[name] = read_block(definition, width, at_width, self.sink)

    def _read_layers(self, meaning: Meaning) -> None:
        item = self.statements.get("layers")
        if item is None:
            return
        if isinstance(item.value, Token):
            message = f"`layers` takes a pattern, not the number {quoted(item.value)}"
            self._at(item.value, "E0210", message, "for example `layers 5×(2A-M)-A`")
            return
        names = [*self.definitions, *sorted(self.lost)]
        unknown = self.any_name or not names  # no block at all is reported as such
        meaning.layers = resolve(item.value, None if unknown else names, self.sink)

    def _check_missing(self) -> None:
        if not self.complete:
            return
        word, needed = self.section.word, SECTIONS[self.kind]
        at = self.section.name or word
        if not self.definitions and not self.lost and not self.any_name:
            help_text = "for example `block A = attention { heads 16 }`"
            self.sink.add("E0209", start_of(word), end_of(at), "no block is defined", help_text)
        if needed not in self.statements and needed not in self.poisoned:
            example = "layers 5×(2A-M)-A" if needed == "layers" else "slots 16"
            message = f"`{needed}` is missing"
            self.sink.add("E0209", start_of(word), end_of(at), message, f"for example `{example}`")

    def _name(self, token: Token | None, what: str) -> None:
        if token is not None and len(token) > MAX_NAME:
            message = f"the name of this {what} has {len(token):,} letters, the limit is {MAX_NAME}"
            self._at(token, "E0215", message, None)

    def _at(self, token: Token, code: str, message: str, help_text: Any) -> None:
        self.sink.add(code, start_of(token), end_of(token), message, help_text)
