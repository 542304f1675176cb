"""Text -> value: the public entry points of the language.

Each is guard, parse, sort, inherit, analysis, and a model. A text that comes from a file may extend
others; each of those must be right by itself, and is then read as a continuation of the text.
"""

from pathlib import Path
from typing import Literal

from lark import UnexpectedInput

from aira_dsl.architecture import Architecture, SpaceDefinition
from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.diagnostics.diagnostic import ArchitectureError, Diagnostic
from aira_dsl.language.documents import read_text
from aira_dsl.language.semantics.analysis import Meaning, analyze
from aira_dsl.language.semantics.declarations import File
from aira_dsl.language.semantics.inheritance import Origin, base_path, extends, shown_name
from aira_dsl.language.semantics.sorting import sort_file
from aira_dsl.language.semantics.warnings import warn
from aira_dsl.language.syntax.parser import parse_file
from aira_dsl.language.syntax.recover import recover
from aira_dsl.language.syntax.scan import guard
from aira_dsl.language.syntax.tree import Section, Statement, end_of, start_of

Form = Literal["arch", "yaml"]
SUFFIXES = {".yaml", ".yml", ".json"}
"""Files in the YAML form, of which JSON is a part."""

_Found = tuple[tuple[Section, ...], Meaning]


def parse(
    text: str, *, filename: str = "<text>", file: str | Path | None = None, base: str = ""
) -> Architecture:
    """Read an architecture from its text.

    Args:
        text: what to read.
        filename: what diagnostics call it; a name ending in .yaml, .yml or .json means that form.
        file: where the text belongs, if it may extend other files; its ending counts first.
        base: a correct text that this one is read on top of, unless it extends a file: it supplies
            the statements and blocks that the text leaves out.

    Raises:
        ArchitectureError: with every broken rule, each at its place.
    """
    sections, meaning, sink = _meaning(text, filename, file, base)
    if meaning.kind == "space":
        word = sections[0].word
        message = "this is a search space, and one architecture is needed"
        help_text = "give an `architecture` with `layers`"
        sink.add("E0217", start_of(word), end_of(word), message, help_text)
        raise ArchitectureError(sink.errors, sink.text)
    return architecture_of(meaning)


def parse_space(
    text: str, *, filename: str = "<text>", file: str | Path | None = None
) -> SpaceDefinition:
    """Read a search space; an architecture spans the space of its own blocks and depth.

    Args as for `parse`.

    Raises:
        ArchitectureError: with every broken rule, each at its place.
    """
    _, meaning, _ = _meaning(text, filename, file)
    return space_of(meaning)


def load(path: str | Path) -> Architecture:
    """Read an architecture file; raises ArchitectureError, also for a file that cannot be read."""
    return parse(read_text(path), filename=str(path), file=path)


def load_space(path: str | Path) -> SpaceDefinition:
    """Read a search space file; raises ArchitectureError, also for one that cannot be read."""
    return parse_space(read_text(path), filename=str(path), file=path)


def check(
    text: str, *, filename: str = "<text>", file: str | Path | None = None
) -> list[Diagnostic]:
    """Return what is wrong with a text, in its order; if nothing is, what looks suspicious.

    Args as for `parse`. Every diagnostic says by its `severity` which of the two it is.
    """
    return examine(text, filename, file)[0]


def examine(
    text: str, filename: str, file: str | Path | None
) -> tuple[list[Diagnostic], SpaceDefinition | None]:
    """Return the diagnostics of a text, and what it describes if none of them is an error."""
    sink = Sink(text.removeprefix("\ufeff"), filename)
    found = _analyze(sink, _origin(file), form_of(filename, file))
    if sink or found is None:
        return sink.diagnostics, None
    warn(*found, sink)
    return sink.diagnostics, space_of(found[1])


def read_sections(
    text: str, filename: str, file: str | Path | None
) -> tuple[tuple[Section, ...], str]:
    """Return the syntax tree of a correct text, and the text that its offsets refer to.

    Raises:
        ArchitectureError: if anything is wrong, in syntax or meaning.
    """
    sections, _, sink = _meaning(text, filename, file)
    return sections, sink.text


def architecture_of(meaning: Meaning) -> Architecture:
    """Build the architecture that a text without errors means."""
    assert meaning.layers is not None, "the text was checked"
    return Architecture(
        name=meaning.name or "model",
        blocks=meaning.blocks,
        layers=meaning.layers,
        mtp=meaning.mtp,
        scales={name: scale.scale() for name, scale in meaning.scales.items()},
        **meaning.settings,
    )


def space_of(meaning: Meaning) -> SpaceDefinition:
    """Build the space that a text without errors means."""
    slots = meaning.slots if meaning.layers is None else len(meaning.layers)
    assert slots is not None, "the text was checked"
    return SpaceDefinition(
        name=meaning.name or ("space" if meaning.kind == "space" else "model"),
        **meaning.settings,
        blocks=meaning.blocks,
        slots=slots,
        layers=meaning.layers,
        scales={name: scale.scale() for name, scale in meaning.scales.items()},
    )


def _meaning(
    text: str, filename: str, file: str | Path | None, base: str = ""
) -> tuple[tuple[Section, ...], Meaning, Sink]:
    sink = Sink(text.removeprefix("\ufeff"), filename)
    found = _analyze(sink, _origin(file), form_of(filename, file), base)
    if sink or found is None:
        raise ArchitectureError(sink.errors, sink.text)
    return *found, sink


def _origin(file: str | Path | None) -> Origin | None:
    return None if file is None else Origin.of(file)


def form_of(filename: str, file: str | Path | None = None) -> Form:
    """Return the form that a file's name means."""
    return "yaml" if Path(file or filename).suffix.lower() in SUFFIXES else "arch"


def _parse(sink: Sink, form: Form) -> tuple[Section, ...] | None:
    """Return the sections of the sink's text, or what could be read of them."""
    if form == "yaml":
        from aira_dsl.language.yaml.form import read_yaml

        return read_yaml(sink, 0, len(sink.text))
    try:
        return parse_file(sink.text)
    except UnexpectedInput as error:
        return recover(sink, error)


def _analyze(sink: Sink, origin: Origin | None, form: Form, base: str = "") -> _Found | None:
    """Report everything that is wrong with the sink's text."""
    sections = _parse(sink, form) if guard(sink) else None
    if not sections:
        return None
    complete = not sink
    file = sort_file(sections, sink)
    item = extends(sections)
    if item is not None:
        sink.inherited_at = item.start, item.end
        lower = _base(item, sink, origin)
        if lower is None:
            complete, file.main.any_name = False, True
            file.main.poisoned.add("width")  # whatever is inherited is unknown
        else:
            file = file.over(lower)
    elif base:
        word = sections[0].word
        sink.inherited_at = start_of(word), end_of(word)
        start, end = sink.append(base, "<base>")
        below = parse_file(sink.whole, start, end)
        file = file.over(sort_file(below, sink))
    return sections, analyze(file, sink, complete=complete)


def _base(item: Statement, sink: Sink, origin: Origin | None) -> File | None:
    """Read what a file extends, with all that it builds on itself."""
    path = base_path(item, origin, sink)
    if path is None or origin is None:
        return None
    text = _sound_text(path, item, sink, origin)
    if text is None:
        return None
    start, end = sink.append(text, shown_name(path, sink.filename))
    if form_of(path.name) == "yaml":
        from aira_dsl.language.yaml.form import read_yaml

        found = read_yaml(sink, start, end)
        assert found is not None, "the file was checked"
        sections = found
    else:
        sections = parse_file(sink.whole, start, end)
    file, below = sort_file(sections, sink), extends(sections)
    if below is None:
        return file
    base = _base(below, sink, origin.enter(path))
    return None if base is None else file.over(base)


def _sound_text(path: Path, item: Statement, sink: Sink, origin: Origin) -> str | None:
    """Return the text of an extended file, or report that it cannot be used."""
    name = shown_name(path, sink.filename)
    try:
        text = read_text(path).removeprefix("\ufeff")
    except ArchitectureError as error:
        message = f"{name}: {error.message}"
        sink.add(error.code, item.start, item.end, message, error.help)
        return None
    inner = Sink(text, name)
    _analyze(inner, origin.enter(path), form_of(path.name))
    if not inner:
        return text
    first = inner.errors[0]
    if first.code in {"E0307", "E0308", "E0311"}:  # the chain is at fault, not the file
        sink.add(first.code, item.start, item.end, first.message, first.help)
    else:
        count = "an error" if len(inner) == 1 else f"{len(inner)} errors"
        message = f"{name} has {count}: {first.message} [{first.code}, line {first.line}]"
        sink.add("E0309", item.start, item.end, message, f"see `aira-dsl check {name}`")
    return None
