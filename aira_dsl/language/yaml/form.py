"""YAML (and JSON) -> the syntax tree of the language, with the places of the YAML text.

It is a second way of writing the same statements, not a second reader: what is unknown, missing,
out of range or does not fit is found by the same code, and shown in the YAML. Scalars count by what
is written, not by YAML's idea of it: `no` is a name, `1e3` a number of the language.
"""

import re
from collections.abc import Iterator

from lark import Token, UnexpectedInput

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.diagnostics.foreign_words import advice
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.diagnostics.suggest import did_you_mean
from aira_dsl.language.syntax.parser import parse_pattern
from aira_dsl.language.syntax.syntax_errors import report
from aira_dsl.language.syntax.tree import (
    Alternatives,
    Broken,
    Change,
    Definition,
    Item,
    Override,
    Parallel,
    Parameter,
    Parameters,
    Pattern,
    Repeat,
    Section,
    Span,
    Statement,
)
from aira_dsl.language.vocabulary import DEFINITIONS, LAYERS, PATTERNS, SECTIONS
from aira_dsl.language.yaml.misplaced import GROUPS, is_config_of_another_tool, is_text_form
from aira_dsl.language.yaml.nodes import Mapping, Node, Scalar, Sequence, parse_nodes
from aira_dsl.primitives.registry import KINDS

DERIVED = ("pattern", "fingerprint", "mtp_parameters", "costs")
"""What a JSON record has besides the architecture; it follows from the rest and is not read."""

_NUMBERS = {
    "INT": re.compile(r"[0-9]+(_[0-9]+)*"),
    "FLOAT": re.compile(r"[0-9]+(_[0-9]+)*(\.[0-9]+([eE][-+]?[0-9]+)?|[eE][-+]?[0-9]+)"),
}
_NAME = re.compile(r"[0-9]*[A-Za-z_][A-Za-z0-9_]*")
_PARALLEL = re.compile(r"[A-Za-z_]\w*(\s*\|\s*[A-Za-z_]\w*)+", re.ASCII)
_SPAN = re.compile(r"\s*([0-9]+)(?:\s*-\s*([0-9]+))?\s*(,|$)")
_KIND_KEYS = {"type", "class", "block", "layer", "mixer", "module", "block_type", "layer_type"}
"""Keys that other configs have in place of `kind`."""

_NOTHING = {"null", "~", ""}


def read_yaml(sink: Sink, start: int, end: int) -> tuple[Section, ...] | None:
    """Read `whole[start:end]` as the sections of a file, or report why not and return None."""
    sink.yaml |= start == 0  # and not a file that the text builds on
    if is_text_form(sink, start):
        return None
    root = parse_nodes(sink, start, end)
    if root is None:
        return None
    if not isinstance(root, Mapping):
        message = "a file in this form is a mapping"
        sink.add("E0111", root.start, root.end, message, "write `name`, `blocks` and `layers`")
        return None
    if is_config_of_another_tool(sink, root):
        return None
    return tuple(_Converter(sink).file(root))


class _Converter:
    """Turns mappings into sections, reporting values of the wrong shape."""

    def __init__(self, sink: Sink) -> None:
        self.sink = sink

    def file(self, root: Mapping) -> Iterator[Section]:
        keys = {key.text for key, _ in root.pairs}
        kind = "space" if "slots" in keys and LAYERS not in keys else "architecture"
        name: Token | None = None
        items: list[Item] = []
        scales: list[tuple[Scalar, Node]] = []
        for key, value in self._once(root, {"name", "scales", *GROUPS}):
            if key.text == "name":
                name = self._name(value)
            elif key.text == "scales":
                scales += self._mapping(key, value)
            elif key.text not in DERIVED:
                items += self._items(key, value, kind, keys)
        yield Section(_word(kind, root.start, 0), name, tuple(items), root.start, root.end)
        for key, value in scales:
            pairs = self._mapping(key, value)
            inner_keys = {inner.text for inner, _ in pairs}
            items = [
                item
                for inner, node in pairs
                for item in self._items(inner, node, "scale", inner_keys)
            ]
            word = _word("scale", key.start, len(key.text))
            title = self._name(key)
            if title is not None:
                yield Section(word, title, tuple(items), value.start, value.end)

    def _once(self, mapping: Mapping, once: set[str]) -> Iterator[tuple[Scalar, Node]]:
        """Yield the pairs; of keys that are not statements, the first only."""
        seen: dict[str, Scalar] = {}
        for key, value in mapping.pairs:
            if key.text in once and key.text in seen:
                line = self.sink.line_of(seen[key.text].start)
                message = f"{quoted(key.text)} is given twice, first in line {line}"
                self.sink.add("E0206", key.start, key.end, message, "delete one of them")
                continue
            seen[key.text] = key
            yield key, value

    def _items(self, key: Scalar, value: Node, kind: str, taken: set[str]) -> Iterator[Item]:
        """Yield the statements that one key of a section stands for; `taken` are all its keys."""
        statements = [word for word in SECTIONS[kind] if word not in DEFINITIONS]
        groups = [group for group, word in GROUPS.items() if word in SECTIONS[kind]]
        if key.text in groups:
            for inner, node in self._mapping(key, value):
                yield from self._group_item(key.text, inner, node)
        elif key.text not in {word for words in SECTIONS.values() for word in words} - DEFINITIONS:
            known = [*statements, *groups, *(["name", "scales"] if kind != "scale" else [])]
            message = f"unknown key {quoted(key.text)}"
            hint = advice(key.text, "setting", known, "keys", taken=taken)
            self.sink.add("E0202", key.start, key.end, message, hint)
            yield Broken((key.text,), False)
        elif not (isinstance(value, Scalar) and value.text in _NOTHING and not value.quoted):
            yield from self._statement(key, value)

    def _statement(self, key: Scalar, value: Node) -> Iterator[Item]:
        word = _token(key)
        if key.text in PATTERNS:
            pattern = self._pattern(key, value)
            yield Broken((key.text,), False) if pattern is None else Statement(word, pattern)
        elif not isinstance(value, Scalar):
            self._wrong_shape(key, value, "one word or number")
            yield Broken((key.text,), False)
        elif key.text == "extends":
            path = Token("STRING", f'"{value.text}"', start_pos=value.start, end_pos=value.end)
            yield Statement(word, path)
        else:
            token = _token(value)
            yield Statement(word, token if token.type == "INT" else (Repeat(None, token),))

    def _group_item(self, group: str, key: Scalar, value: Node) -> Iterator[Item]:
        word = _word(GROUPS[group], key.start, len(key.text))
        if group == "patterns":
            pattern = self._pattern(key, value)
            name = self._name(key)
            if name is not None and pattern is not None:
                yield Definition(word, name, pattern, None)
            else:
                yield Broken(("pattern", key.text), False)
        elif group == "blocks":
            yield self._block(word, key, value)
        else:
            spans, parameters = self._spans(key), self._parameters(key, value, ())
            if spans and parameters is not None:
                yield Override(word, spans, parameters)

    def _block(self, word: Token, key: Scalar, value: Node) -> Item:
        name = self._name(key)
        lost = Broken(("block", key.text), name is None)
        if name is None:
            return lost
        if isinstance(value, Scalar):  # `A: attention`
            return Definition(word, name, (Repeat(None, _token(value)),), None)
        parameters = None if self._misses_kind(value) else self._parameters(key, value, ("kind",))
        if parameters is None:
            return lost
        assert isinstance(value, Mapping), "it has parameters"
        kinds = [node for inner, node in value.pairs if inner.text == "kind"]
        if not kinds:
            return Change(word, name, parameters)
        if not isinstance(kinds[0], Scalar):
            self._wrong_shape(key, kinds[0], "one word")
            return lost
        return Definition(word, name, (Repeat(None, _token(kinds[0])),), parameters)

    def _misses_kind(self, block: Node) -> bool:
        """Whether a block has another key in place of `kind`, which is reported."""
        pairs = block.pairs if isinstance(block, Mapping) else []
        if any(key.text == "kind" for key, _ in pairs):
            return False
        known = {name for spec in KINDS.values() for name in spec.model_fields}
        for key, node in pairs:
            names_kind = isinstance(node, Scalar) and node.text in KINDS
            if key.text not in known and (names_kind or key.text in _KIND_KEYS):
                message = f"unknown key {quoted(key.text)}"
                self.sink.add("E0202", key.start, key.end, message, did_you_mean("kind"))
                return True
        return False

    def _parameters(self, key: Scalar, value: Node, but: tuple[str, ...]) -> Parameters | None:
        if not isinstance(value, Mapping):
            self._wrong_shape(key, value, "a mapping of parameters")
            return None
        items = []
        for inner, node in value.pairs:
            if inner.text in but:
                continue
            if isinstance(node, Scalar):
                items.append(Parameter(_token(inner), _token(node)))
            elif isinstance(node, Sequence) and (values := _scalars(node)):
                items.append(Parameter(_token(inner), Alternatives.of(values)))
            else:
                self._wrong_shape(inner, node, "one word or number")
        return Parameters(tuple(items), value.start, value.end)

    def _pattern(self, key: Scalar, value: Node) -> Pattern | None:
        """Read a pattern, or a list of patterns as one."""
        entries = value.items if isinstance(value, Sequence) else [value]
        found: list[Repeat] = []
        for entry in entries:
            if not isinstance(entry, Scalar) or not entry.exact:
                self._wrong_shape(key, entry, "a pattern on one line, or a list of them")
                return None
            try:
                found += self._entry(entry, listed=isinstance(value, Sequence))
            except UnexpectedInput as error:
                report(self.sink, error, entry.end, entry.start, kind="pattern")
                return None
        if not found:
            self._wrong_shape(key, value, "at least one block")
        return tuple(found) or None

    def _entry(self, entry: Scalar, *, listed: bool) -> Pattern:
        """Parse a pattern; in a list, a parallel layer is also a name, `A|Mb`, as in JSON."""
        text = self.sink.whole[entry.start : entry.end]
        if not (listed and _PARALLEL.fullmatch(text)):
            return parse_pattern(self.sink.whole, entry.start, entry.end)
        names = tuple(
            Token(
                "NAME", match[0], start_pos=entry.start + match.start(),
                end_pos=entry.start + match.end(),
            )
            for match in re.finditer(r"\w+", text)
        )  # fmt: skip
        return (Repeat(None, Parallel(names, entry.start, entry.end)),)

    def _spans(self, key: Scalar) -> tuple[Span, ...]:
        """Read `3, 7-9`."""
        spans, at = [], 0
        while key.exact and (match := _SPAN.match(key.text, at)):
            numbers = [
                Token(
                    "INT", match[group], start_pos=key.start + match.start(group),
                    end_pos=key.start + match.end(group),
                )
                for group in (1, 2)
                if match[group]
            ]  # fmt: skip
            spans.append(Span(numbers[0], numbers[-1]))
            at = match.end()
            if not match[3]:
                return tuple(spans)
        message = f"{quoted(key.text)} names no layers"
        help_text = 'write numbers and ranges: `"3, 7-9": { … }`'
        self.sink.add("E0111", key.start, key.end, message, help_text)
        return ()

    def _mapping(self, key: Scalar, value: Node) -> list[tuple[Scalar, Node]]:
        if isinstance(value, Mapping):
            return value.pairs
        self._wrong_shape(key, value, "a mapping")
        return []

    def _name(self, node: Node) -> Token | None:
        if isinstance(node, Scalar) and _NAME.fullmatch(node.text) and node.exact:
            return Token("NAME", node.text, start_pos=node.start, end_pos=node.end)
        shown = quoted(node.text) if isinstance(node, Scalar) else "this"
        message = f"{shown} is not a name"
        hint = Hint("names are one word of letters, digits and `_`")
        self.sink.add("E0111", node.start, node.end, message, hint)
        return None

    def _wrong_shape(self, key: Scalar, value: Node, wanted: str) -> None:
        start, end = value.start, max(value.end, value.start + 1)
        self.sink.add("E0111", start, end, f"{quoted(key.text)} takes {wanted}", None)


def _token(scalar: Scalar) -> Token:
    text = "none" if scalar.text in _NOTHING and not scalar.quoted else scalar.text
    kind = next((name for name, form in _NUMBERS.items() if form.fullmatch(text)), "NAME")
    return Token(kind, text, start_pos=scalar.start, end_pos=scalar.end)


def _scalars(node: Sequence) -> list[Token]:
    """Return the values of a list of two and more words or numbers; none of another list."""
    values = [_token(each) for each in node.items if isinstance(each, Scalar)]
    return values if len(values) == len(node.items) > 1 else []


def _word(word: str, start: int, length: int) -> Token:
    """Make the word that a text would have here; its place is that of its key."""
    return Token("NAME", word, start_pos=start, end_pos=start + length)
