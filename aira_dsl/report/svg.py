"""The stack as a picture: one self-contained SVG, readable on light and on dark pages.

Each row is a line of `stack.lines`: a strip with one cell a layer, the block's name, and a bar for
its share of the FLOPs. Primitives differ by the letter in the cells as well as by color, and
all text is text.
"""

from xml.sax.saxutils import escape, quoteattr

from aira_dsl.architecture import ELEMENT_BYTES, Architecture, Workload, cost
from aira_dsl.primitives.base import Color
from aira_dsl.primitives.registry import KINDS
from aira_dsl.report.stack import Line, count_kinds, gutters, lines
from aira_dsl.utils.formatting import humanized

WIDTH, ROW, TOP, MARGIN = 780, 26, 96, 24
CELL, MAX_CELLS = 11, 12
ROWS = 200
"""Rows drawn at most."""

_STYLE = """
  text { font: 13px ui-sans-serif, system-ui, sans-serif; fill: #1f2328 }
  .mono { font-family: ui-monospace, monospace; font-size: 12px }
  .title { font-size: 18px; font-weight: 600 }
  .faint { fill: #59636e }
  .end { text-anchor: end }
  .track { fill: #8182861f }
  .cell { stroke: #ffffff66 }
  @media (prefers-color-scheme: dark) { text { fill: #e6edf3 } .faint { fill: #9198a1 } }
"""
_HEXES: dict[Color, tuple[str, str]] = {
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


def draw(architecture: Architecture, workload: Workload) -> str:
    """Return the SVG of an architecture's stack."""
    stack = lines(architecture, context=workload.context, convention=workload.convention)
    shown = stack[:ROWS]
    height = TOP + ROW * len(shown) + 64
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" '
        f'width="{WIDTH}" height="{height}" role="img" '
        f"aria-label={quoteattr(f'{architecture.name}: {architecture.pattern[:400]}')}>",
        f"<title>{escape(architecture.name)}</title>",
        f"<style>{_STYLE}{_fills(architecture)}</style>",
        *_header(architecture, workload),
    ]
    widest = max(line.flops_share for line in stack)
    for row, (line, gutter) in enumerate(zip(shown, gutters(stack), strict=False)):
        parts += _row(line, gutter, TOP + ROW * row, widest)
    parts += _footer(architecture, workload, TOP + ROW * len(shown), len(stack) - len(shown))
    return "\n".join([*parts, "</svg>", ""])


def _fills(architecture: Architecture) -> str:
    """Return the style rules with the colors of the kinds in use."""
    kinds = count_kinds(architecture)
    light, dark = (
        " ".join(f".{kind} {{ fill: {_HEXES[KINDS[kind].color][shade]} }}" for kind in kinds)
        for shade in (0, 1)
    )
    return f"  {light}\n  @media (prefers-color-scheme: dark) {{ {dark} }}\n"


def _header(architecture: Architecture, workload: Workload) -> list[str]:
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
    legend = []
    x = MARGIN
    for kind, count in count_kinds(architecture).items():
        legend += [_cell(x, 62, kind), _text(x + 17, 72, f"{count:,} {kind}")]
        x += 60 + 8 * len(f"{count:,} {kind}")
    return [
        _text(MARGIN, 28, architecture.name, "title"),
        _text(MARGIN, 48, totals, "faint"),
        *legend,
        _text(430, TOP - 8, "share of FLOPs", "faint"),
        _text(WIDTH - 108, TOP - 8, "parameters", "faint end"),
        _text(WIDTH - MARGIN, TOP - 8, "cache/token", "faint end"),
    ]


def _row(line: Line, gutter: str, y: int, widest: float) -> list[str]:
    base = y + 17
    numbers = f"{line.first:,}" if line.count == 1 else f"{line.first:,}–{line.last:,}"
    name = line.block if line.count == 1 else f"{line.count} × {line.block}"
    cells = [
        _cell(190 + CELL * 1.25 * i, y + 6, line.kind) for i in range(min(line.count, MAX_CELLS))
    ]
    more = "…" if line.count > MAX_CELLS else ""
    cache = f"{humanized(line.cache_bytes)}B" if line.cache_bytes else ""
    bar = 100 * line.flops_share / widest
    return [
        _text(MARGIN + 70, base, numbers, "mono faint end"),
        _text(MARGIN + 82, base, gutter.replace(" ", "\N{NO-BREAK SPACE}"), "mono faint"),
        *cells,
        _text(190 + CELL * 1.25 * MAX_CELLS, base, more),
        _text(360, base, name, "mono"),
        f'<rect class="track" x="430" y="{y + 7}" width="100" height="12" rx="2"/>',
        f'<rect class="{line.kind}" x="430" y="{y + 7}" width="{bar:.1f}" height="12" rx="2"/>',
        _text(538, base, f"{line.flops_share:.1%}", "mono"),
        _text(WIDTH - 108, base, humanized(line.parameters), "mono end"),
        _text(WIDTH - MARGIN, base, cache, "mono end"),
    ]


def _footer(architecture: Architecture, workload: Workload, y: int, hidden: int) -> list[str]:
    context = workload.context or architecture.context
    pattern = architecture.pattern
    pattern = pattern if len(pattern) <= 90 else pattern[:89] + "…"
    name = "paper's" if workload.convention == "paper" else "Megatron's"
    note = f"FLOPs by the {name} convention at a context of {context:,}; cache in bfloat16"
    more = [_text(MARGIN, y + 16, f"… and {hidden:,} more rows", "faint")] if hidden > 0 else []
    return [
        *more,
        _text(MARGIN, y + 34, pattern, "mono"),
        _text(MARGIN, y + 52, note, "faint"),
    ]


def _cell(x: float, y: int, kind: str) -> str:
    return (
        f'<g><rect class="cell {kind}" x="{x:.1f}" y="{y}" width="{CELL}" height="14" rx="2"/>'
        f'<text x="{x + CELL / 2:.1f}" y="{y + 11}" text-anchor="middle" '
        f'style="font-size:9px;fill:#fff">{escape(KINDS[kind].symbol)}</text></g>'
    )


def _text(x: float, y: float, text: str, classes: str = "") -> str:
    attribute = f' class="{classes}"' if classes else ""
    return f'<text x="{x:.1f}" y="{y:.1f}"{attribute}>{escape(text)}</text>'
