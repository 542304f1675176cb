"""Where the strips of many designs are drawn: one strip for each design, one cell for each layer.

Tall cells keep a cache or a state while a model decodes, short ones keep nothing: the outline of a
strip shows what a design remembers with. Cells of parallel layers are split. Colors are those of
the kinds, paler where a window or a chunk is kept. Designs are grouped by what they keep.

Places are in px. `templates/strips.html` writes them as SVG.
"""

import textwrap
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby

from aira_dsl.architecture import Costs, kept_tokens
from aira_dsl.primitives import Primitive
from aira_dsl.primitives.registry import KINDS
from aira_dsl.report.gallery import CONTEXTS, Entry
from aira_dsl.report.svg import HEXES
from aira_dsl.utils.formatting import binary, humanized

TALL, SHORT, LINE = 16, 8, 19
"""Heights of cells, and of a line of cells with the space below it."""

GAP = 9
"""Space between two designs."""

CHARACTER = 7.6
"""Width of a character of 13 px in a wide font."""

GROUPS = (
    "Attention to all tokens",
    "Attention with windows or chunks",
    "Attention and recurrent states",
    "Recurrent states alone",
    "Neither caches nor states",
)
"""What designs keep while they decode."""

NOTE = (
    "A cell is a layer, the first one at the left. Tall cells keep a cache or a state while the "
    "model decodes, pale ones only for a window or a chunk; short cells keep nothing. Split cells "
    "are blocks side by side. KV: keys and values of one sequence in bfloat16. Active: parameters "
    "that one token uses."
)


@dataclass(frozen=True, slots=True)
class Label:
    """A text: where its baseline begins, or ends if `look` says `end`."""

    x: float
    y: float
    text: str
    look: str = ""


@dataclass(frozen=True, slots=True)
class Cells:
    """All cells of a strip that look the same: classes of the style, and the path."""

    look: str
    path: str


@dataclass(frozen=True, slots=True)
class Strip:
    """A design: its pattern, its texts and its cells."""

    pattern: str
    labels: tuple[Label, ...]
    cells: tuple[Cells, ...]


@dataclass(frozen=True, slots=True)
class Picture:
    """All strips of a picture, its other texts, and its legend.

    Attributes:
        fills: a kind with its color on light and on dark pages, for each kind in use.
    """

    title: str
    width: int
    height: float
    labels: tuple[Label, ...]
    legend: tuple[Cells, ...]
    strips: tuple[Strip, ...]
    fills: tuple[tuple[str, str, str], ...]


@dataclass(frozen=True, slots=True)
class Form:
    """How a picture is laid out.

    Attributes:
        width: of the picture.
        left: where strips begin.
        per_line: cells in a line.
        above: height of the texts above a strip.
        headings: texts of the columns: where they end.
        label: makes the texts of a design whose top is at `y`.
    """

    width: int
    left: int
    per_line: int
    above: int
    headings: tuple[tuple[int, str], ...]
    label: Callable[[Entry, float], tuple[Label, ...]]


PITCH = 5
"""From one cell to the next."""

_ENDS = (740, 800, 884, 972, 1056)
_COLUMNS = tuple(
    zip(_ENDS, ("total", "active", *(f"KV {name}" for name in CONTEXTS), "state"), strict=True)
)


def figures(entry: Entry) -> tuple[str, ...]:
    """Write the numbers of a design: parameters in all, active ones, KV by context, state."""
    costs = entry.costs
    return (
        humanized(costs.total_parameters),
        humanized(costs.active_parameters) if entry.is_sparse else "",
        *(binary(costs.kv_bytes(context)) if costs.caches else "" for context in CONTEXTS.values()),
        binary(costs.state_bytes) if costs.state_bytes else "",
    )


def _wide_labels(entry: Entry, y: float) -> tuple[Label, ...]:
    numbers = zip(_ENDS, figures(entry), strict=True)
    return (
        Label(0, y + 13, _short(entry, 23), "name"),
        *(Label(x, y + 13, text, "end") for x, text in numbers if text),
    )


def _narrow_labels(entry: Entry, y: float) -> tuple[Label, ...]:
    total, active, *caches, state = figures(entry)
    kept = [f"{name} {text}" for name, text in zip(CONTEXTS, caches, strict=True) if text]
    texts = [f"KV {' · '.join(kept)}" if kept else "", f"state {state}" if state else ""]
    size = f"{total}, {active} active" if active else total
    return (
        Label(0, y + 12, _short(entry, 23), "name"),
        Label(NARROW_WIDTH, y + 12, size, "end small"),
        Label(0, y + 29, " · ".join(filter(None, texts)), "small faint"),
    )


NARROW_WIDTH = 320
WIDE = Form(1056, 204, 96, 0, _COLUMNS, _wide_labels)
NARROW = Form(NARROW_WIDTH, 0, 64, 36, (), _narrow_labels)


def draw_strips(entries: Sequence[Entry], title: str, form: Form = WIDE) -> Picture:
    """Place the strips of designs, in groups by what they keep, small designs first."""
    looks = sorted({look for each in entries for look in _looks(each)}, key=_order)
    labels, legend, y = _legend(looks, form.width)
    strips: list[Strip] = []
    ordered = sorted(entries, key=lambda each: (_group(each.costs), each.costs.total_parameters))
    for group, members in groupby(ordered, key=lambda each: _group(each.costs)):
        y += 34
        labels += [Label(0, y, GROUPS[group], "heading"), *_headings(form, y)]
        y += 12
        for entry in members:
            strips.append(_strip(entry, y, form))
            y += _height(entry, form)
    note, y = _note(form.width, y)
    kinds = dict.fromkeys(kind for kind, _ in looks)
    fills = tuple((kind, *HEXES[KINDS[kind].color]) for kind in kinds)
    return Picture(title, form.width, y, (*labels, *note), legend, tuple(strips), fills)


def _strip(entry: Entry, y: float, form: Form) -> Strip:
    paths: dict[str, str] = {}
    names = entry.architecture.layers
    for place, block in enumerate(map(entry.architecture.block_of, names)):
        line, column = divmod(place, form.per_line)
        x, top = form.left + PITCH * column, y + form.above + LINE * line
        for look, path in _cell(block, x, top):
            paths[look] = paths.get(look, "") + path
    cells = tuple(Cells(look, path) for look, path in paths.items())
    return Strip(f"{entry.title}: {entry.architecture.pattern}", form.label(entry, y), cells)


def _cell(block: Primitive, x: float, top: float) -> list[tuple[str, str]]:
    """Return the looks and paths of one layer: its branches above one another."""
    full = TALL if any(map(_keeps, block.parts)) else SHORT
    height = full / len(block.parts)
    top += TALL - full
    return [
        (_classes(*_look(part)), f"M{x:g} {top + height * place:g}h4v{height:g}h-4z")
        for place, part in enumerate(block.parts)
    ]


def _keeps(block: Primitive) -> bool:
    """Tell whether decoding keeps anything for a block; that does not depend on the width."""
    return bool(block.kv_cache_elements(1) or block.state_bytes(1, 2))


Look = tuple[str, bool]
"""A kind, and whether it keeps a window or a chunk only."""


def _look(block: Primitive) -> Look:
    return block.kind, kept_tokens(block) is not None


def _looks(entry: Entry) -> set[Look]:
    architecture = entry.architecture
    used = map(architecture.block_of, dict.fromkeys(architecture.layers))
    return {_look(part) for block in used for part in block.parts}


def _order(look: Look) -> tuple[int, bool]:
    return list(KINDS).index(look[0]), look[1]


def _classes(kind: str, limited: bool) -> str:
    return f"{kind} limited" if limited else kind


def _group(costs: Costs) -> int:
    """Return the place in GROUPS."""
    if costs.state_bytes:
        return 2 if costs.caches else 3
    if not costs.caches:
        return 4
    return int(any(cache.tokens is not None for cache in costs.caches))


def _height(entry: Entry, form: Form) -> int:
    lines = -(-entry.architecture.depth // form.per_line)
    return form.above + LINE * lines - (LINE - TALL) + GAP


def _headings(form: Form, y: float) -> list[Label]:
    return [Label(x, y, text, "end small faint") for x, text in form.headings]


def _legend(looks: Sequence[Look], width: int) -> tuple[list[Label], tuple[Cells, ...], float]:
    """Return texts and cells of the legend, and its height."""
    labels, cells, x, y = [], [], 0.0, 0.0
    for kind, limited in looks:
        text = f"{kind} with a window" if limited else kind
        needed = 17 + CHARACTER * len(text) + 2 * GAP
        if x and x + needed > width:
            x, y = 0.0, y + 24
        cells.append(Cells(_classes(kind, limited), f"M{x:g} {y:g}h11v14h-11z"))
        labels.append(Label(x + 17, y + 12, text))
        x += needed
    return labels, tuple(cells), y + 14


def _note(width: int, y: float) -> tuple[list[Label], float]:
    """Return the note below the strips, line by line, and where it ends."""
    lines = textwrap.wrap(NOTE, int(width / 7))
    labels = [Label(0, y + 20 + 17 * k, text, "small faint") for k, text in enumerate(lines)]
    return labels, y + 20 + 17 * len(lines)


def _short(entry: Entry, limit: int) -> str:
    """Return a title without what is in parentheses, cut to a length."""
    title = entry.title.partition(" (")[0]
    return title if len(title) <= limit else f"{title[: limit - 1]}…"
