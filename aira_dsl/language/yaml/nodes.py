"""YAML text -> a tree of nodes with offsets; what the language does not use is refused on the way.

Only events are asked of PyYAML: no value is built, no alias followed, no tag obeyed, so a hostile
file costs no more than its length. JSON is read by the same path.
"""

import re
from dataclasses import dataclass, field
from typing import Any

from aira_dsl.language.diagnostics.collector import Hint, Sink
from aira_dsl.language.syntax.scan import MAX_DEPTH, MAX_LEXEMES

# Outside of quotes, and not within a word such as `https://`.
_COMMENT = re.compile(
    r"""^(?:[^"'#\n]|"[^"\n]*"|'[^'\n]*')*?(?<![^\s,{}\[\]"'])(//|/\*)""", re.MULTILINE
)
_BLOCK_COMMENT = re.compile(r"/\*([^\n]*?)\*/[ \t]*(?=\n|$)")

_WORDS = {
    "mapping values are not allowed": "a `:` where none belongs; quote the text before it",
    "expected ',' or '}'": "a `{` is not closed, or a `,` is missing",
    "expected ',' or ']'": "a `[` is not closed, or a `,` is missing",
    "expected key": "this line is not indented as those above",
    "expected '-' indicator": "this line is not indented as those above",
    "block collections": "this line is not indented as those above",
    "expected ':'": "a `key: value` without its `:`",
    "tab character": "indent with spaces, not with tabs",
    "unexpected end of stream": "a quote is never closed",
    "cannot start any token": "this character is not allowed here; quote it",
    "expected <document start>": "text after the end of the mapping",
    "expected the node content": "a value is missing",
}
"""Pieces of the parser's messages, and what they mean to the author of a file."""


@dataclass(frozen=True, slots=True)
class Scalar:
    """A word, a number or a text; offsets are of the text inside the quotes.

    Attributes:
        text: the value.
        start, end: its place.
        exact: whether the place holds just this text, without escapes or folded lines.
    """

    text: str
    start: int
    end: int
    exact: bool
    quoted: bool


@dataclass(frozen=True, slots=True)
class Sequence:
    """`[a, b]`, or lines that begin with a dash."""

    start: int
    end: int
    items: list["Node"] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Mapping:
    """`key: value` pairs in the order of the text; keys may repeat."""

    start: int
    end: int
    pairs: list[tuple[Scalar, "Node"]] = field(default_factory=list)


Node = Scalar | Sequence | Mapping


def parse_nodes(sink: Sink, start: int, end: int) -> Node | None:
    """Parse `whole[start:end]`, or report why not and return None."""
    import yaml

    builder = _Builder(sink, start)
    text = sink.whole[start:end]
    if comment := _COMMENT.search(text):
        _report_comment(sink, comment, start)
        return None
    loader = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    try:
        for event in yaml.parse(text, Loader=loader):
            if not builder.take(event, yaml):
                return None
    except yaml.YAMLError as error:
        _report(sink, error, start, end)
        return None
    if builder.root is None and not sink:
        sink.add("E0107", start, start, "the text is empty", "write `name`, `blocks` and `layers`")
    return builder.root


class _Builder:
    """Builds the tree from events with a stack of its own, so nothing recurses."""

    def __init__(self, sink: Sink, base: int) -> None:
        self.sink = sink
        self.base = base
        self.root: Node | None = None
        self.open: list[Sequence | Mapping] = []
        self.keys: list[Scalar | None] = []  # of each open mapping: the key that waits for a value
        self.count = 0
        self.documents = 0

    def take(self, event: Any, yaml: Any) -> bool:
        """Add one event; report and return False if it must not be there."""
        self.count += 1
        start = self.base + event.start_mark.index
        end = self.base + event.end_mark.index
        refused = self._forbidden(event, yaml)
        if refused is not None:
            return self._refuse(refused[0], start, max(end, start + 1), *refused[1:])
        if isinstance(event, yaml.ScalarEvent):
            return self._add(self._scalar(event, start, end))
        if isinstance(event, yaml.SequenceStartEvent):
            return self._enter(Sequence(start, end))
        if isinstance(event, yaml.MappingStartEvent):
            return self._enter(Mapping(start, end))
        if isinstance(event, yaml.CollectionEndEvent):
            self.open.pop()
            self.keys.pop()
        return True

    def _forbidden(self, event: Any, yaml: Any) -> tuple[str, str, str] | None:
        """Return the code, the message and the help for what is left out of this form."""
        self.documents += isinstance(event, yaml.DocumentStartEvent)
        if self.count > MAX_LEXEMES:
            message = f"the text has more than {MAX_LEXEMES:,} words and marks"
            return "E0106", message, "write repeats: `100×(A-M)`"
        if self.documents > 1:
            return "E0110", "a second YAML document", "a file holds one architecture"
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            return "E0110", "YAML anchors and aliases are not used here", "write it out"
        if getattr(event, "tag", None) and event.tag != "!":
            return "E0110", "YAML tags are not used here", "delete it"
        return None

    def _scalar(self, event: Any, start: int, end: int) -> Scalar:
        quoted = event.style in {"'", '"'}
        if quoted:
            start, end = start + 1, end - 1
        exact = self.sink.whole[start:end] == event.value
        return Scalar(event.value, start, end, exact, quoted)

    def _enter(self, node: Sequence | Mapping) -> bool:
        if not self._add(node):
            return False
        self.open.append(node)
        self.keys.append(None)
        if len(self.open) > MAX_DEPTH:
            message = f"nested deeper than {MAX_DEPTH}"
            return self._refuse("E0105", node.start, node.end, message, "flatten it")
        return True

    def _add(self, node: Node) -> bool:
        if not self.open:
            self.root = node
            return True
        parent = self.open[-1]
        if isinstance(parent, Sequence):
            parent.items.append(node)
            return True
        key = self.keys[-1]
        if key is not None:
            parent.pairs.append((key, node))
            self.keys[-1] = None
            return True
        if not isinstance(node, Scalar):
            message = "a key is one word here"
            return self._refuse("E0111", node.start, node.end, message, None)
        if node.text == "<<" and not node.quoted:
            message, help_text = (
                "YAML merge keys are not used here",
                "use `extends`, or write it out",
            )
            return self._refuse("E0110", node.start, node.end, message, help_text)
        self.keys[-1] = node
        return True

    def _refuse(self, code: str, start: int, end: int, message: str, hint: str | None) -> bool:
        self.sink.add(code, start, end, message, hint)
        self.root = None
        return False


def _report_comment(sink: Sink, comment: re.Match[str], start: int) -> None:
    mark = comment[1]
    message = f"`{mark}` does not begin a comment"
    aside = "; JSON itself has none" if _form(sink) == "JSON" else ""
    hint = Hint(f"comments begin with `#`{aside}", "#")
    if mark == "/*":
        inside = _BLOCK_COMMENT.match(comment.string, comment.start(1))
        at = (start + comment.start(1), start + inside.end()) if inside else None
        hint = hint._replace(fix=f"# {inside[1].strip()}" if inside else None, at=at)
    first = start + comment.start(1)
    sink.add("E0109", first, first + len(mark), message, hint)


def _report(sink: Sink, error: Any, start: int, end: int) -> None:
    mark = getattr(error, "problem_mark", None)
    at = min(end, start + mark.index) if mark is not None else start
    problem = str(getattr(error, "problem", "") or "")
    meaning = next((words for piece, words in _WORDS.items() if piece in problem), None)
    stop = min(at + 1, end) if sink.whole[at : at + 1].strip() else at
    sink.add("E0109", at, stop, f"this is not well-formed {_form(sink)}", meaning)


def _form(sink: Sink) -> str:
    return "JSON" if sink.filename.lower().endswith(".json") else "YAML"
