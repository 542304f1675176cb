"""The stack as a picture: one self-contained SVG, readable on light and on dark pages.

Each row is a line of `stack.lines`: a strip with one cell a layer, the block's name, the number of
layers that it counts, and a bar for their share of the FLOPs. Primitives differ by the letter in
the cells as well as by color, and all text is text. Columns are as wide as their longest text, so
that texts never overlap; the picture grows with them.
"""

from dataclasses import dataclass
from xml.sax.saxutils import escape, quoteattr

from aira_dsl.architecture import ELEMENT_BYTES, Architecture, Workload, cost
from aira_dsl.primitives.base import Color
from aira_dsl.primitives.registry import DRAWN
from aira_dsl.report.stack import Line, count_kinds, gutters, lines
from aira_dsl.utils.formatting import humanized

MIN_WIDTH, ROW, MARGIN, GAP = 780, 26, 24, 14
CELL, PITCH, MAX_CELLS = 11, 13.75, 12
BAR = 100
ROWS = 200
"""Rows drawn at most."""

MONO, SANS = 7.4, 7.0
"""Width of a character in px: of 12 px monospaced, of 13 px proportional on average."""

_STYLE = """
  text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
  .mono { font: 12px ui-monospace, monospace }
  .title { font: 600 16px ui-monospace, monospace }
  .faint { fill: #59636e }
  .end { text-anchor: end }
  .track { fill: #8182861f }
  .cell { stroke: #ffffff66 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #9198a1 } }
"""
HEXES: dict[Color, tuple[str, str]] = {
    "red": ("#cf222e", "#f85149"),
    "green": ("#1a7f37", "#3fb950"),
    "yellow": ("#9a6700", "#d29922"),
    "blue": ("#3d3fbf", "#7d7ff5"),
    "magenta": ("#bf3989", "#db61a2"),
    "cyan": ("#0969da", "#4493f8"),
    "bright_red": ("#bc4c00", "#db6d28"),
    "bright_green": ("#4d7c0f", "#84cc16"),
    "bright_yellow": ("#7d5a3c", "#b08d6e"),
    "bright_blue": ("#8250df", "#ab7df8"),
    "bright_magenta": ("#a40e5f", "#ff7ab8"),
    "bright_cyan": ("#1b7c83", "#39c5cf"),
}
"""Each color on light and on dark pages."""


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where columns begin, or end if their texts stand at the right."""

    numbers_end: float
    gutter: float
    cells: float
    name: float
    count_end: float
    bar: float
    parameters_end: float
    cache_end: float

    @classmethod
    def of(cls, stack: list[Line], brackets: list[str]) -> "_Columns":
        """Make every column as wide as its longest text."""
        numbers_end = MARGIN + MONO * max(len(_numbers(line)) for line in stack)
        gutter = numbers_end + GAP
        cells = gutter + MONO * max(map(len, brackets)) + GAP
        strip = min(max(line.count for line in stack), MAX_CELLS) * PITCH + 2 * MONO
        name = cells + strip + GAP
        count_end = name + MONO * max(len(_name(line)) for line in stack) + GAP + SANS * 5
        bar = count_end + 2 * GAP
        parameters_end = bar + BAR + GAP + MONO * 6 + GAP + SANS * 10
        cache_end = max(parameters_end + GAP + SANS * 11, MIN_WIDTH - MARGIN)
        return cls(numbers_end, gutter, cells, name, count_end, bar, parameters_end, cache_end)


def draw(architecture: Architecture, workload: Workload) -> str:
    """Return the SVG of an architecture's stack."""
    stack = lines(architecture, context=workload.context, convention=workload.convention)
    shown, brackets = stack[:ROWS], gutters(stack)
    columns = _Columns.of(shown, brackets[:ROWS])
    width = columns.cache_end + MARGIN
    header, top = _header(architecture, workload, columns, width)
    height = top + ROW * len(shown) + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width:.0f} {height}" '
        f'width="{width:.0f}" height="{height}" role="img" '
        f"aria-label={quoteattr(f'{architecture.name}: {architecture.pattern[:400]}')}>",
        f"<title>{escape(architecture.name)}</title>",
        f"<style>{_STYLE}{_fills(architecture)}</style>",
        *header,
    ]
    for row, (line, bracket) in enumerate(zip(shown, brackets, strict=False)):
        parts += _row(line, bracket, top + ROW * row, columns)
    parts += _footer(architecture, workload, top + ROW * len(shown), len(stack) - len(shown))
    return "\n".join([*parts, "</svg>", ""])


def _fills(architecture: Architecture) -> str:
    """Return the style rules with the colors of the kinds in use."""
    kinds = count_kinds(architecture)
    light, dark = (
        " ".join(f".{kind} {{ fill: {HEXES[DRAWN[kind].color][shade]} }}" for kind in kinds)
        for shade in (0, 1)
    )
    return f"  {light}\n  @media (prefers-color-scheme: dark) {{ {dark} }}\n"


def _header(
    architecture: Architecture, workload: Workload, columns: _Columns, width: float
) -> tuple[list[str], int]:
    """Return the texts above the rows, and the height at which the rows begin."""
    costs = cost(
        architecture,
        element_bytes=ELEMENT_BYTES,
        context=workload.context,
        convention=workload.convention,
    )
    totals = (
        f"{architecture.depth:,} layers of width {architecture.width:,} · "
        f"{humanized(costs.parameters)} parameters without embeddings · "
        f"{humanized(costs.training_flops)} training FLOPs per token"
    )
    legend, y = _legend(architecture, 62, width)
    heading = y + 30
    return [
        _text(MARGIN, 28, architecture.name, "title"),
        _text(MARGIN, 48, totals, "faint"),
        *legend,
        _text(columns.count_end, heading, "count", "faint end"),
        _text(columns.bar, heading, "share of FLOPs", "faint"),
        _text(columns.parameters_end, heading, "parameters", "faint end"),
        _text(columns.cache_end, heading, "cache/token", "faint end"),
    ], heading + 8


def _legend(architecture: Architecture, y: int, width: float) -> tuple[list[str], int]:
    """Return the kinds with their counts, in as many lines as they need, and the last line's y."""
    parts: list[str] = []
    x: float = MARGIN
    for kind, count in count_kinds(architecture).items():
        label = f"{count:,} {kind}"
        needed = CELL + 6 + SANS * len(label)
        if x > MARGIN and x + needed > width - MARGIN:
            x, y = MARGIN, y + 22
        parts += [_cell(x, y, kind), _text(x + CELL + 6, y + 10, label)]
        x += needed + 2 * GAP
    return parts, y


def _numbers(line: Line) -> str:
    return f"{line.first:,}" if line.count == 1 else f"{line.first:,}–{line.last:,}"


def _name(line: Line) -> str:
    return line.block if line.count == 1 else f"{line.count:,} × {line.block}"


def _row(line: Line, bracket: str, y: int, columns: _Columns) -> list[str]:
    base, bar = y + 17, columns.bar
    drawn = min(line.count, MAX_CELLS)
    cells = [_cell(columns.cells + PITCH * i, y + 6, line.kind) for i in range(drawn)]
    more = "…" if line.count > MAX_CELLS else ""
    cache = f"{humanized(line.cache_bytes)}B" if line.cache_bytes else ""
    share = f'y="{y + 7}" width="{BAR * line.flops_share:.1f}" height="12" rx="2"/>'
    return [
        _text(columns.numbers_end, base, _numbers(line), "mono faint end"),
        _text(columns.gutter, base, bracket.replace(" ", "\N{NO-BREAK SPACE}"), "mono faint"),
        *cells,
        _text(columns.cells + PITCH * MAX_CELLS, base, more),
        _text(columns.name, base, _name(line), "mono"),
        _text(columns.count_end, base, f"{line.layers:,}", "mono end"),
        f'<rect class="track" x="{bar:.1f}" y="{y + 7}" width="{BAR}" height="12" rx="2"/>',
        f'<rect class="{line.kind}" x="{bar:.1f}" {share}',
        _text(bar + BAR + GAP, base, f"{line.flops_share:.1%}", "mono"),
        _text(columns.parameters_end, base, humanized(line.parameters), "mono end"),
        _text(columns.cache_end, base, cache, "mono end"),
    ]


def _footer(architecture: Architecture, workload: Workload, y: int, hidden: int) -> list[str]:
    context = workload.context or architecture.context
    pattern = architecture.pattern
    pattern = pattern if len(pattern) <= 90 else pattern[:89] + "…"
    name = "paper's" if workload.convention == "paper" else "Megatron's"
    note = (
        f"FLOPs: {name} convention, context {context:,}; cache in bfloat16; "
        "a row counts all its layers"
    )
    more = [_text(MARGIN, y + 16, f"… and {hidden:,} more rows", "faint")] if hidden > 0 else []
    return [
        *more,
        _text(MARGIN, y + 34, pattern, "mono"),
        _text(MARGIN, y + 52, note, "faint"),
    ]


def _cell(x: float, y: float, kind: str) -> str:
    return (
        f'<g><rect class="cell {kind}" x="{x:.1f}" y="{y}" width="{CELL}" height="14" rx="2"/>'
        f'<text x="{x + CELL / 2:.1f}" y="{y + 11}" text-anchor="middle" '
        f'style="font-size:9px;fill:#fff">{escape(DRAWN[kind].symbol)}</text></g>'
    )


def _text(x: float, y: float, text: str, classes: str = "") -> str:
    attribute = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{escape(text)}</text>'
