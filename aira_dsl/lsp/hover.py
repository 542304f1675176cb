"""The meaning of a word: a resolved block with shapes and costs, an expanded pattern, a size.

Nothing is worked out here twice: a block is read by the language from an excerpt of the text, which
holds the block and the settings only. So it is known while another line is broken.
"""

from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from aira_dsl.architecture import SETTINGS, Architecture, compress, cost
from aira_dsl.errors import AiraError
from aira_dsl.language import parse
from aira_dsl.language.reading import examine
from aira_dsl.language.syntax.outline import Item, Part
from aira_dsl.language.syntax.scan import Lexeme
from aira_dsl.language.vocabulary import PATTERNS, SECTIONS
from aira_dsl.lsp import keyword_docs
from aira_dsl.lsp.patterns import expand
from aira_dsl.lsp.scope import Named, Scope, Source
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.registry import KINDS

_SHOWN = 400
"""Characters of a pattern that are shown."""


class Hover(NamedTuple):
    """The meaning of `text[start:end]`, in Markdown."""

    start: int
    end: int
    text: str


def hover(source: Source, offset: int) -> Hover | None:
    """Explain the word at an offset; None if there is none."""
    part, item = source.outline.at(offset)
    word = source.outline.word_at(offset)
    if part is None or word is None or word.kind == "comment":
        return None
    text = _section(source, part, word) if item is None else _word(source, part, item, word)
    return Hover(word.start, word.end, text) if text else None


def _section(source: Source, part: Part, word: Lexeme) -> str | None:
    if part.open is None or word.start > part.open:
        return None
    described = keyword_docs.SECTION_TEXTS.get(part.header[0].text, "")
    title = (
        described if word == part.header[0] else f"**{part.kind} {part.name and part.name.text}**"
    )
    return "\n\n".join([title, _totals(source, part)])


def _word(source: Source, part: Part, item: Item, word: Lexeme) -> str | None:
    """Describe a word of a statement."""
    scope = Scope(source, part)
    index = item.words.index(word) if word in item.words else -1
    if index == 0:
        return _statement(item, part, scope)
    if word == item.kind and word.text in KINDS:
        entry = keyword_docs.kind(word.text)
        return f"**{word.text}**\n\n{entry.text}"
    if item.brace is not None and index > item.brace:
        return _parameter(item, index, scope)
    if word in item.used or word == item.name:
        return _named(word.text, part, scope)
    return None


def _statement(item: Item, part: Part, scope: Scope) -> str | None:
    entry = keyword_docs.statements().get(item.key)
    if entry is None or item.key not in SECTIONS[part.kind]:
        return None
    detail = f"*{entry.detail}*" if entry.detail else ""
    said = [f"**{item.key}**", detail, entry.text]
    if item.key in PATTERNS:
        said.append(_expanded(item, scope))
    elif item.name is not None:
        said.append(_named(item.name.text, part, scope) or "")
    return "\n\n".join(each for each in said if each)


def _parameter(item: Item, index: int, scope: Scope) -> str | None:
    """Describe a parameter, also where its value is pointed at."""
    kind = item.kind.text if item.kind else None
    if item.key == "block" and kind is None and item.name is not None:
        kind = scope.kind_of(item.name.text)
    kinds = [kind] if kind else list(KINDS) if item.key == "layer" else []
    for word in (item.words[index], item.words[index - 1]):
        for each in kinds:
            if word.text in keyword_docs.parameters(each):
                entry = keyword_docs.parameters(each)[word.text]
                said = [f"**{word.text}** of {each}", f"*{entry.detail}*", entry.text]
                return "\n\n".join(each for each in said if each)
    return None


def _named(name: str, part: Part, scope: Scope) -> str | None:
    found = scope.names().get(name)
    if found is None:
        return None
    if found.item.key == "pattern":
        return f"**pattern {name}**\n\n{_expanded(found.item, scope)}"
    return _block(name, found, part, scope)


def _block(name: str, found: Named, part: Part, scope: Scope) -> str:
    kind = found.item.kind.text if found.item.kind else "unknown kind"
    source = scope.sources[0]
    origin = "" if found.source is source or not found.source.path else found.source.path.name
    title = f"**block {name}**: {kind}" + (f", from {origin}" if origin else "")
    read = _resolved(name, part, source)
    if read is None:
        return f"{title}\n\nIt has errors, so its shapes and costs are not known."
    block, width, context = read
    dumped = block.model_dump(exclude={"kind"})
    given = ", ".join(f"{key} {_value(value)}" for key, value in dumped.items())
    sizes = [f"{key} {'×'.join(map(str, shape))}" for key, shape in block.weights(width).items()]
    flops = block.training_flops(width, context)
    rows = [
        f"- {given}",
        f"- weights: {', '.join(sizes)}",
        f"- {block.parameters(width):,} parameters at width {width:,}",
        f"- {flops:,} FLOPs per token of training, {flops // 3:,} forward, at context {context:,}",
        f"- decoding keeps {block.kv_cache_elements(width):,} elements per token, "
        f"{block.recurrent_elements(width) + block.convolution_elements(width):,} per sequence",
    ]
    return f"{title}\n\n" + "\n".join(rows)


def _resolved(name: str, part: Part, source: Source) -> tuple[Primitive, int, int] | None:
    """Read one block and the settings, whatever else is wrong with the text."""
    main = source.outline.main
    scale = part.name.text if part.kind == "scale" and part.name else None
    # A space: an architecture's inherited scales would be extrapolated from its layers.
    lines = ["space excerpt {", "slots 1", f"block {name}_ = mlp"]
    lines += _about(name, main, source) if main else []
    lines += ["}", f"scale {scale} {{" if scale else ""]
    lines += [*_about(name, part, source), "}"] if scale else []
    _, space = examine("\n".join(lines), str(source.path), source.path)
    design = space and (space.scales[scale] if scale else space)
    return (design.blocks[name], design.width, design.context) if design else None


def _about(name: str, part: Part, source: Source) -> list[str]:
    """Return the statements of a section that decide what a block is."""
    keys = {"extends", *SETTINGS}
    kept = [
        item
        for item in part.items
        if item.key in keys or (item.key == "block" and item.name and item.name.text == name)
    ]
    return [source.text[item.start : item.end] for item in kept]


def _expanded(item: Item, scope: Scope) -> str:
    layers = expand(item, scope)
    return "Its layers are not known: it has errors." if layers is None else _layers(layers)


def _layers(layers: Sequence[str]) -> str:
    counts = ", ".join(f"{count:,} {name}" for name, count in Counter(layers).items())
    pattern = compress(layers)
    shown = pattern if len(pattern) <= _SHOWN else f"{pattern[:_SHOWN]}…"
    return f"{_plural(len(layers), 'layer')}: {counts}\n\n`{shown}`"


def _totals(source: Source, part: Part) -> str:
    """Count what an architecture or one of its scales costs."""
    if part.kind == "space":
        return ""
    try:
        architecture = parse(source.text, file=source.path)
        if part.kind == "scale":
            architecture = architecture.at(part.name.text if part.name else "")
    except AiraError as error:
        return f"What it costs is not known: {error.message}."
    return _costs(architecture)


def _costs(architecture: Architecture) -> str:
    costs = cost(architecture)
    rows = [
        f"- {architecture.width:,} wide, context {architecture.context:,}",
        f"- {costs.parameters:,} parameters without embeddings, "
        f"{costs.total_parameters:,} total parameters",
        f"- {costs.training_flops:,} FLOPs per token of training, {costs.forward_flops:,} forward",
        f"- decoding keeps {costs.kv_cache_bytes:,} bytes per token, {costs.state_bytes:,} "
        "per sequence, in bfloat16 and recurrent states in float32",
    ]
    return "\n".join([_layers(architecture.layers), "", *rows])


def _plural(count: int, what: str) -> str:
    return f"{count:,} {what}" if count == 1 else f"{count:,} {what}s"


def _value(value: object) -> str:
    if value is None or isinstance(value, bool):
        return {None: "none", True: "true", False: "false"}[value]
    return f"{value:g}" if isinstance(value, float) else str(value)
