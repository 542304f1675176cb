"""What is valid, but probably unintended. Only for texts without errors.

Each looks at what the text itself says: a block that a base file defines for all its users is
not a mistake of this one.
"""

import re
from collections.abc import Iterator

from lark import Token

from aira_dsl.architecture import Design
from aira_dsl.language.diagnostics.collector import Sink
from aira_dsl.language.diagnostics.snippet import quoted
from aira_dsl.language.semantics.analysis import Meaning
from aira_dsl.language.semantics.patterns import words_of
from aira_dsl.language.syntax.tree import Definition, Section, Statement, end_of, start_of
from aira_dsl.language.vocabulary import PATTERNS
from aira_dsl.primitives.parallel.spec import branches_of

LONG_CONTEXT = 8192
LARGE = 10**9
"""From this context and this size on (parameters without embeddings) recall needs attention."""

# Only at the head of a comment: `# the first 2 layers …` speaks of a part.
_LAYERS_IN_WORDS = re.compile(r"#\s*(?:=\s*|total:?\s*)?(([0-9][0-9_,]{0,14})[ -]layers?)\b")


def warn(sections: tuple[Section, ...], meaning: Meaning, sink: Sink) -> None:
    """Report what looks suspicious in a text without errors."""
    main = sections[0]
    _unused(main, sections, meaning, sink)
    for section in sections:
        read = meaning if section is main else meaning.scales[str(section.name)]
        layers = read.layers
        if section is not main and layers is None:
            layers = _layers_at(read, meaning)
        if section is main or read.layers is not None:
            _nothing_mixes(section, read, layers, sink)
        if layers is not None:
            _claimed_depth(section, len(layers), sink)
            _missing_order(section, read, layers, sink)


def _unused(main: Section, sections: tuple[Section, ...], meaning: Meaning, sink: Sink) -> None:
    """Report blocks that no layer uses, and patterns that no pattern uses."""
    if meaning.kind == "space":
        return
    written = {name for each in sections for name in _words(each)}
    used = {*written, *_blocks((*(meaning.layers or ()), *meaning.mtp))}
    for scale in meaning.scales.values():
        used |= _blocks(scale.layers or ()).keys()
    for section in sections:
        for item in section.items:
            if not isinstance(item, Definition) or item.name in used:
                continue
            if item.word == "block":
                message = f"block {quoted(item.name)} is defined and never used"
                _at(item.name, "W0201", message, "delete it, or name it in `layers`", sink)
            elif section is main:
                message = f"pattern {quoted(item.name)} is defined and never used"
                _at(item.name, "W0202", message, "delete it, or name it in `layers`", sink)


def _words(section: Section) -> Iterator[str]:
    """Yield the names in all patterns of a section."""
    for item in section.items:
        if isinstance(item, Definition) and item.word == "pattern":
            yield from words_of(item.value)
        elif isinstance(item, Statement) and item.key in PATTERNS:
            assert not isinstance(item.value, Token), "the text was checked"
            yield from words_of(item.value)


def _blocks(layers: tuple[str, ...]) -> dict[str, None]:
    """Return the names of the blocks of layers, in their order."""
    return dict.fromkeys(name for layer in layers for name in branches_of(layer))


def _layers_at(scale: Meaning, main: Meaning) -> tuple[str, ...] | None:
    return None if main.layers is None else scale.scale().layers_from(main.layers)


def _claimed_depth(section: Section, depth: int, sink: Sink) -> None:
    for item in section.items:
        if not isinstance(item, Statement):
            continue
        if item.key == "depth" and isinstance(item.value, Token):
            claimed = int(item.value)
            if claimed != depth:
                message = f"`depth` says {claimed:,}, but there are {depth:,} layers"
                _at(item.value, "W0203", message, "correct one of them", sink)
        elif item.key == "layers":
            _claimed_in_comment(item, depth, sink)


def _claimed_in_comment(item: Statement, depth: int, sink: Sink) -> None:
    """Look for `# 16 layers` after a `layers` statement."""
    stop = sink.text.find("\n", item.end)
    comment = sink.text.find("#", item.end, len(sink.text) if stop < 0 else stop)
    claim = _LAYERS_IN_WORDS.match(sink.text, comment) if comment >= 0 else None
    claimed = int(re.sub("[_,]", "", claim[2])) if claim else depth
    if claim and claimed != depth:
        message = f"this comment speaks of {claimed:,} layers, and there are {depth:,}"
        sink.add("W0204", claim.start(1), claim.end(1), message, "correct one of them")


def _nothing_mixes(
    section: Section, read: Meaning, layers: tuple[str, ...] | None, sink: Sink
) -> None:
    """Report models, and spaces of models, in which each position sees only itself."""
    names = read.blocks if layers is None else _blocks(layers)
    if not any(read.blocks[name].mixes_tokens for name in names):
        at = section.name or section.word
        message = "no layer mixes tokens: each position sees only itself"
        _at(at, "W0207", message, "add a block that does, such as attention or mamba2", sink)


def _missing_order(section: Section, read: Meaning, layers: tuple[str, ...], sink: Sink) -> None:
    """Report models that can hardly look back, or do not know what came first."""
    blocks = [read.blocks[name] for name in _blocks(layers)]
    context = read.settings.get("context", Design.model_fields["context"].default)
    at = section.name or section.word
    mixing = dict.fromkeys(block.kind for block in blocks if block.mixes_tokens)
    if mixing and not any(block.recalls for block in blocks) and context >= LONG_CONTEXT:
        design = Design(**read.settings, blocks=read.blocks)
        if design.stack_parameters(layers) >= LARGE:
            message = f"a context of {context:,} tokens, and no layer that can look back exactly"
            _at(at, "W0205", message, "a few attention layers keep recall", sink)
    if mixing and not any(block.knows_order for block in blocks):
        message = f"no {' or '.join(mixing)} layer has positions: no layer knows the token order"
        help_text = "give attention `rope`, or add a block that knows the order, such as mamba2"
        _at(at, "W0206", message, help_text, sink)


def _at(token: Token, code: str, message: str, help_text: str, sink: Sink) -> None:
    sink.add(code, start_of(token), end_of(token), message, help_text)
