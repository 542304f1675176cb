"""Value or text -> canonical text.

`format_text` keeps everything a person decided (order, grouping, number spelling, comments, single
blank lines) and settles the rest. `to_text` writes a value in as few words as mean the same.
"""

import re
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from aira_dsl.architecture import SETTINGS, Architecture, Design, Scale, SpaceDefinition, compress
from aira_dsl.language.diagnostics.diagnostic import ArchitectureError, Diagnostic
from aira_dsl.language.layout import Columns, Comment, lay_out, repeat
from aira_dsl.language.reading import form_of, read_sections
from aira_dsl.language.syntax.scan import scan
from aira_dsl.language.syntax.tree import Broken, Section, start_of
from aira_dsl.primitives.registry import KINDS, Block

_BLANK_LINE = re.compile(r"\n[ \t\r;]*\n")


def format_text(text: str, *, filename: str = "<text>", file: str | Path | None = None) -> str:
    """Return the text in canonical layout, with its comments.

    Idempotent, and the result means the same as the text.

    Args:
        text: what to format.
        filename: what diagnostics call it.
        file: where the text belongs, if it may extend other files.

    Raises:
        ArchitectureError: if the text is wrong in any way.
    """
    if form_of(filename, file) != "arch":
        message, help_text = "only .arch files are formatted", "YAML and JSON have formatters"
        raise ArchitectureError([Diagnostic("E0312", message, filename, help=help_text)])
    sections, source = read_sections(text, filename, file)
    return _Printer(sections, source).run()


def to_text(architecture: Architecture) -> str:
    """Write an architecture as text: defaults are left out, layers are compressed.

    `parse(to_text(a)) == a` for every architecture, scales included.
    """
    lines = [f"architecture {architecture.name} {{", *_settings(architecture, None)]
    width = architecture.width
    lines += [_block(name, block, width) for name, block in architecture.blocks.items()]
    lines.append(f"layers {readable(architecture.pattern)}")
    lines += [f"mtp {readable(compress(architecture.mtp))}"] if architecture.mtp else []
    lines.append("}")
    for name, scale in architecture.scales.items():
        lines += ["", f"scale {name} {{", *_scale(scale, architecture), "}"]
    return format_text("\n".join(lines))


def space_text(definition: SpaceDefinition) -> str:
    """Write the blocks and dimensions of a space as text; its scales are left out.

    `parse_space(space_text(s))` has the same dimensions, blocks and slots.
    """
    lines = [f"space {definition.name} {{", *_settings(definition, None)]
    lines += [_block(name, block, definition.width) for name, block in definition.blocks.items()]
    return format_text("\n".join([*lines, f"slots {definition.slots}", "}"]))


def _scale(scale: Scale, base: Design) -> Iterator[str]:
    yield from _settings(scale, base)
    for name, block in scale.blocks.items():
        if name not in base.blocks or not follows(base.blocks[name], block, scale.width, base):
            yield _block(name, block, scale.width)
    if scale.layers is not None:
        yield f"layers {readable(compress(scale.layers))}"
    if scale.extrapolate is not None:
        yield f"parameters {_scalar(scale.parameters)}"
        yield f"extrapolate {scale.extrapolate}"


def follows(written: Any, block: Any, width: int, base: Design) -> bool:
    """Whether a block at a scale is what the base's text gives at the scale's width."""
    parameters = kept(written, base.width)
    return bool(KINDS[written.kind](**parameters).resolve(width) == block)


def _settings(design: Design, base: Design | None) -> Iterator[str]:
    for key in SETTINGS:
        value = getattr(design, key)
        usual = Design.model_fields[key].default if base is None else getattr(base, key)
        if value != usual:
            yield f"{key} {_scalar(value)}"


def describe(block: Block, width: int) -> str:
    """Write a block's spec as after the `=` of its definition, defaults left out.

    The blocks of a parallel layer are separated by `|`.
    """
    if len(block.parts) > 1:
        return " | ".join(describe(part, width) for part in block.parts)
    inside = ", ".join(f"{key} {_scalar(value)}" for key, value in kept(block, width).items())
    return f"{block.kind} {{ {inside} }}" if inside else block.kind


def _block(name: str, block: Block, width: int) -> str:
    return f"block {name} = {describe(block, width)}"


def kept(block: Any, width: int) -> dict[str, Any]:
    """Return the parameters that do not follow from the defaults and the width."""
    dumped = block.model_dump(exclude={"kind"})  # without options that are not used
    found = {name: getattr(block, name) for name in block.parameter_names() if name in dumped}
    for name in list(found):
        fewer = {key: value for key, value in found.items() if key != name}
        if KINDS[block.kind](**fewer).resolve(width) == block:
            found = fewer
    return found


def _scalar(value: object) -> str:
    if value is None or isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer() and value < 1e15:
        value = int(value)
    if isinstance(value, int):
        return f"{value:_}" if value >= 10_000 else str(value)
    return str(value)


def readable(pattern: str) -> str:
    """Put a sign where a count and a name would read as one number."""
    return re.sub(
        r"(?<![A-Za-z0-9_])([0-9]+)([A-Za-z_]\w*)",
        lambda match: repeat(match[1], match[2]),
        pattern,
    )


class _Printer:
    """Writes a file: elements (comments, headers, statements, braces) in their order."""

    def __init__(self, sections: tuple[Section, ...], source: str) -> None:
        self.sections = sections
        self.source = source
        self.comments = deque(_comments(source))
        self.lines: list[str] = []
        self.last_end = 0  # where the element before ended in the source
        self.fresh = True  # nothing before it at this level, so no blank line

    def run(self) -> str:
        for section in self.sections:
            self._section(section)
        self._comments_before(len(self.source) + 1, "")
        return "\n".join(self.lines) + "\n"

    def _section(self, section: Section) -> None:
        name = f" {section.name}" if section.name else ""
        columns = Columns.of(section.items)
        start = start_of(section.word)
        self._comments_before(start, "", separated=True)
        self._write(start, section.open + 1, [f"{section.word}{name} {{"])
        self.fresh = True
        for item in section.items:
            assert not isinstance(item, Broken), "the text was checked"
            self._comments_before(item.start, "  ")
            inside = self._take(item.end)
            self._write(item.start, item.end, lay_out(item, inside, columns))
        self._comments_before(section.end - 1, "  ")
        self.fresh = True  # no blank line before the brace
        self._write(section.end - 1, section.end, ["}"])

    def _take(self, before: int) -> list[Comment]:
        """Remove and return the comments before an offset."""
        taken = []
        while self.comments and self.comments[0].start < before:
            taken.append(self.comments.popleft())
        return taken

    def _comments_before(self, offset: int, indent: str, *, separated: bool = False) -> None:
        """Write the comments before an offset; if `separated`, then a blank line."""
        follows_text = bool(self.lines)
        for comment in self._take(offset):
            end = comment.start + len(comment.text)
            if comment.own_line or not self.lines:
                if separated and follows_text:
                    self._part()
                    follows_text = False
                self._write(comment.start, end, [indent + comment.text])
            else:
                self.lines[-1] += "  " + comment.text
                self.last_end = end
        if separated and follows_text:
            self._part()

    def _part(self) -> None:
        """Leave one blank line, whatever the source has."""
        self.lines.append("")
        self.fresh = True

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
