"""Text -> value: the doors of the language. Each is guard, parse, analysis, and a model."""

from pathlib import Path

from lark import UnexpectedInput

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.language.analysis import STATEMENTS, Analysis, Meaning
from aira_dsl.language.diagnostics import ArchitectureError, Diagnostic
from aira_dsl.language.files import read_text
from aira_dsl.language.recover import recover
from aira_dsl.language.scan import guard
from aira_dsl.language.sink import Sink
from aira_dsl.language.syntax import parse_file
from aira_dsl.language.tree import Section, end_of, start_of


def parse(text: str, *, filename: str = "<text>") -> Architecture:
    """Read an architecture from its text.

    Raises:
        ArchitectureError: with every broken rule, each at its place.
    """
    section, meaning, sink = _meaning(text, filename)
    if meaning.kind == "space":
        message = "this is a search space, and one architecture is needed"
        start, end = start_of(section.word), end_of(section.word)
        sink.add("E0217", start, end, message, "give an `architecture` with `layers`")
        raise ArchitectureError(sink.diagnostics, sink.text)
    assert meaning.layers is not None
    return Architecture(
        name=meaning.name or "model",
        blocks=meaning.blocks,
        layers=meaning.layers,
        **meaning.settings,
    )


def parse_space(text: str, *, filename: str = "<text>") -> SpaceDefinition:
    """Read a search space; an architecture spans the space of its own blocks and depth.

    Raises:
        ArchitectureError: with every broken rule, each at its place.
    """
    _, meaning, _ = _meaning(text, filename)
    slots = meaning.slots if meaning.layers is None else len(meaning.layers)
    assert slots is not None
    return SpaceDefinition(
        name=meaning.name or ("space" if meaning.kind == "space" else "model"),
        **meaning.settings,
        blocks=meaning.blocks,
        slots=slots,
        layers=meaning.layers,
    )


def load(path: str | Path) -> Architecture:
    """Read an architecture file; raises ArchitectureError, also for a file that can not be read."""
    return parse(read_text(path), filename=str(path))


def load_space(path: str | Path) -> SpaceDefinition:
    """Read a search space file; raises ArchitectureError, also for one that can not be read."""
    return parse_space(read_text(path), filename=str(path))


def check(text: str, *, filename: str = "<text>") -> list[Diagnostic]:
    """Return everything that is wrong with a text, in its order; an empty list if nothing is."""
    sink = Sink(text.removeprefix("\ufeff"), filename)
    _analyze(sink)
    return sink.diagnostics


def read_section(text: str, filename: str) -> tuple[Section, str]:
    """Return the syntax tree of a correct text, and the text that its offsets refer to.

    Raises:
        ArchitectureError: if anything is wrong, in syntax or meaning.
    """
    section, _, sink = _meaning(text, filename)
    return section, sink.text


def _meaning(text: str, filename: str) -> tuple[Section, Meaning, Sink]:
    sink = Sink(text.removeprefix("\ufeff"), filename)
    found = _analyze(sink)
    if sink or found is None:
        raise ArchitectureError(sink.diagnostics, sink.text)
    return *found, sink


def _analyze(sink: Sink) -> tuple[Section, Meaning] | None:
    """Report everything that is wrong with the sink's text."""
    if not guard(sink):
        return None
    try:
        section: Section | None = parse_file(sink.text)
    except UnexpectedInput as error:
        section = recover(sink, error, STATEMENTS)
    if section is None:
        return None
    return section, Analysis(section, sink).run()
