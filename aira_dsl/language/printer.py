"""Value or text -> canonical text.

`format_text` keeps everything a person decided (order, grouping, number spelling, comments, single
blank lines) and settles the rest. `to_text` writes a value in as few words as mean the same.
"""

import re
from collections import deque
from collections.abc import Sequence
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.language import layout
from aira_dsl.language.layout import Comment
from aira_dsl.language.reading import read_section
from aira_dsl.language.scan import scan
from aira_dsl.language.tree import Definition, Item, Section, Statement, start_of
from aira_dsl.language.values import SETTINGS
from aira_dsl.primitives import KINDS

_BLANK_LINE = re.compile(r"\n[ \t\r;]*\n")


def format_text(text: str, *, filename: str = "<text>") -> str:
    """Return the text in canonical layout, with its comments.

    Idempotent, and the result means the same as the text.

    Raises:
        ArchitectureError: if the text is wrong in any way.
    """
    section, source = read_section(text, filename)
    return _Printer(section, source).run()


def to_text(architecture: Architecture) -> str:
    """Write an architecture as text: defaults are left out, layers are compressed.

    `parse(to_text(a)) == a` for every architecture.
    """
    defaults = {name: Architecture.model_fields[name].default for name in SETTINGS}
    lines = [f"architecture {architecture.name} {{"]
    for key, default in defaults.items():
        value = getattr(architecture, key)
        if value != default:
            lines.append(f"{key} {_scalar(value)}")
    for name, block in architecture.blocks.items():
        lines.append(f"block {name} = {block.kind} {{ {_parameters(block, architecture.width)} }}")
    lines.append(f"layers {_unambiguous(architecture.pattern)}")
    return format_text("\n".join([*lines, "}"]))


def _parameters(block: Any, width: int) -> str:
    """Write the parameters that do not follow from the defaults and the width."""
    kept = {name: value for name, value in block if name != "kind"}
    for name in list(kept):
        fewer = {key: value for key, value in kept.items() if key != name}
        if KINDS[block.kind](**fewer).resolve(width) == block:
            kept = fewer
    return ", ".join(f"{name} {_scalar(value)}" for name, value in kept.items())


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and value < 1e15:
        value = int(value)
    if isinstance(value, int):
        return f"{value:_}" if value >= 10_000 else str(value)
    return str(value)


def _unambiguous(pattern: str) -> str:
    """Put a sign where a count and a name would read as one number."""
    return re.sub(
        r"(?<![A-Za-z0-9_])([0-9]+)([A-Za-z_]\w*)",
        lambda match: layout.repeat(match[1], match[2]),
        pattern,
    )


class _Printer:
    """Writes one section: elements (comments, header, statements, brace) in their order."""

    def __init__(self, section: Section, source: str) -> None:
        self.section = section
        self.source = source
        self.comments = deque(_comments(source))
        self.lines: list[str] = []
        self.last_end = 0  # where the element before ended in the source
        self.fresh = True  # nothing before it at this level, so no blank line
        definitions = [each for each in section.items if isinstance(each, Definition)]
        self.name_width = max((len(each.name) for each in definitions), default=0)
        self.kind_width = max((len(each.kind) for each in definitions), default=0)

    def run(self) -> str:
        section = self.section
        name = f" {section.name}" if section.name else ""
        self._element("", start_of(section.word), section.open + 1, [f"{section.word}{name} {{"])
        self.fresh = True
        for item in section.items:
            assert isinstance(item, Statement | Definition), "the text was checked"
            self._comments_before(item.start, "  ")
            inside = self._take(item.end)
            self._element("  ", item.start, item.end, self._lay_out(item, inside))
        self._comments_before(section.end - 1, "  ")
        self.fresh = True  # no blank line before the brace
        self._element("", section.end - 1, section.end, ["}"])
        self._comments_before(len(self.source) + 1, "")
        return "\n".join(self.lines) + "\n"

    def _lay_out(self, item: Item, inside: list[Comment]) -> list[str]:
        if isinstance(item, Definition):
            return layout.definition(item, inside, self.name_width, self.kind_width)
        assert isinstance(item, Statement)
        return layout.statement(item, inside)

    def _take(self, before: int) -> list[Comment]:
        """Remove and return the comments that stand before an offset."""
        taken = []
        while self.comments and self.comments[0].start < before:
            taken.append(self.comments.popleft())
        return taken

    def _comments_before(self, offset: int, indent: str) -> None:
        for comment in self._take(offset):
            end = comment.start + len(comment.text)
            if comment.own_line or not self.lines:
                self._write(comment.start, end, [indent + comment.text])
            else:
                self.lines[-1] += "  " + comment.text
                self.last_end = end

    def _element(self, indent: str, start: int, end: int, lines: Sequence[str]) -> None:
        self._comments_before(start, indent)
        self._write(start, end, lines)

    def _write(self, start: int, end: int, lines: Sequence[str]) -> None:
        """Add lines, after a blank one if the source has any there."""
        if not self.fresh and _BLANK_LINE.search(self.source, self.last_end, start):
            self.lines.append("")
        self.lines += lines
        self.last_end, self.fresh = end, False


def _comments(source: str) -> list[Comment]:
    """Find the comments of a text, and whether only separators share its line."""
    found = []
    for lexeme in scan(source):
        if lexeme.kind == "comment":
            line_start = source.rfind("\n", 0, lexeme.start) + 1
            own_line = not source[line_start : lexeme.start].strip(" \t\r;,+-")
            found.append(Comment(lexeme.start, lexeme.text.rstrip(), own_line))
    return found
