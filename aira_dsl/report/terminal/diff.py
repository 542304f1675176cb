"""What differs in meaning between two architectures: settings, layers, costs; names do not count.

Layers are compared by their specs. Where one stretch of layers stands for another, the lines say
which numbers it has on either side.
"""

from dataclasses import asdict, dataclass
from difflib import SequenceMatcher
from itertools import groupby
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import SETTINGS, Architecture, cost
from aira_dsl.language.printer import describe

if TYPE_CHECKING:
    from rich.console import RenderableType

_COMPARED = 1_000_000
"""Pairs of layers compared at most; past that, everything between the equal ends has changed."""

COSTS = {
    "parameters": "parameters",
    "total_parameters": "total parameters",
    "active_parameters": "active parameters",
    "training_flops": "training FLOPs per token",
    "kv_cache_bytes": "cache bytes per token",
    "window_bytes": "cache bytes of windows",
    "state_bytes": "state bytes per sequence",
}


@dataclass(frozen=True, slots=True)
class Side:
    """Layers that follow one another on one side of a change.

    Attributes:
        first, last: their numbers, from 1; `last` is before `first` if there are none.
        layers: runs as (count, block name, spec).
    """

    first: int
    last: int
    layers: tuple[tuple[int, str, str], ...]


@dataclass(frozen=True, slots=True)
class Change:
    """Some layers of the one architecture that stand for some of the other."""

    before: Side
    after: Side


@dataclass(frozen=True, slots=True)
class Difference:
    """Two architectures side by side.

    Attributes:
        names, fingerprints: of both.
        settings: those that differ, with both values.
        depths: numbers of layers.
        changes: where the layers differ.
        costs: every cost with both values.
    """

    names: tuple[str, str]
    fingerprints: tuple[str, str]
    settings: dict[str, tuple[Any, Any]]
    depths: tuple[int, int]
    changes: tuple[Change, ...]
    costs: dict[str, tuple[int, int]]

    @property
    def same(self) -> bool:
        """Whether both mean the same model."""
        return self.fingerprints[0] == self.fingerprints[1]

    def as_json(self) -> dict[str, Any]:
        """Return it for scripts; keys are stable."""
        return {"same": self.same, **asdict(self)}


def difference(a: Architecture, b: Architecture) -> Difference:
    """Compare two architectures by what they mean."""
    settings = {
        key: (getattr(a, key), getattr(b, key))
        for key in (*SETTINGS, "mtp")
        if getattr(a, key) != getattr(b, key)
    }
    costs = cost(a), cost(b)
    return Difference(
        names=(a.name, b.name),
        fingerprints=(a.fingerprint, b.fingerprint),
        settings=settings,
        depths=(a.depth, b.depth),
        changes=tuple(_changes(a, b)),
        costs={key: (getattr(costs[0], key), getattr(costs[1], key)) for key in COSTS},
    )


def _changes(a: Architecture, b: Architecture) -> list[Change]:
    specs = [[model.block_of(name) for name in model.layers] for model in (a, b)]
    keys = [[repr(block) for block in side] for side in specs]
    start = 0
    while start < min(a.depth, b.depth) and keys[0][start] == keys[1][start]:
        start += 1
    end = 0
    while end < min(a.depth, b.depth) - start and keys[0][-1 - end] == keys[1][-1 - end]:
        end += 1
    middles = [side[start : len(side) - end] for side in keys]
    if not any(middles):
        return []
    if len(middles[0]) * len(middles[1]) > _COMPARED:
        spans = [(0, len(middles[0]), 0, len(middles[1]))]
    else:
        matcher = SequenceMatcher(None, middles[0], middles[1], autojunk=False)
        codes = matcher.get_opcodes()
        spans = [code[1:] for code in codes if code[0] != "equal"]
    return [
        Change(_side(a, start + i, start + j), _side(b, start + k, start + m))
        for i, j, k, m in spans
    ]


def _side(model: Architecture, start: int, stop: int) -> Side:
    runs = [(len(list(group)), name) for name, group in groupby(model.layers[start:stop])]
    described = tuple(
        (count, name, describe(model.block_of(name), model.width)) for count, name in runs
    )
    return Side(start + 1, stop, described)


def drawing(found: Difference) -> "RenderableType":
    """Return a difference as something rich can print."""
    from rich.console import Group
    from rich.text import Text

    a, b = found.names
    if found.same:
        return Text(f"{a} and {b} mean the same model: {found.fingerprints[0]}")
    parts: list[RenderableType] = [
        Text.assemble(("- ", "red"), f"{a}  {found.fingerprints[0]}  {found.depths[0]:,} layers"),
        Text.assemble(("+ ", "green"), f"{b}  {found.fingerprints[1]}  {found.depths[1]:,} layers"),
    ]
    if found.settings:
        parts += [Text("\nsettings", style="bold")]
        parts += [
            Text(f"  {key}  {before} → {after}") for key, (before, after) in found.settings.items()
        ]
    if found.changes:
        parts += [Text("\nlayers", style="bold")]
        for change in found.changes:
            parts += [*_lines(change.before, "-", "red"), *_lines(change.after, "+", "green")]
    return Group(*parts, Text(), _costs_table(found))


def _lines(side: Side, sign: str, color: str) -> list["RenderableType"]:
    from rich.text import Text

    drawn: list[RenderableType] = []
    at = side.first
    for count, name, spec in side.layers:
        numbers = f"{at:,}" if count == 1 else f"{at:,}-{at + count - 1:,}"
        times = "" if count == 1 else f"{count} × "
        drawn.append(Text(f"{sign} {numbers:>9}  {times}{name} = {spec}", style=color))
        at += count
    return drawn


def _costs_table(found: Difference) -> "RenderableType":
    from rich.table import Table

    table = Table.grid(padding=(0, 2))
    for justify in ("left", "right", "right", "right", "right"):
        table.add_column(justify=justify)
    shown = dict(found.costs)
    if shown["active_parameters"] == shown["total_parameters"]:
        del shown["active_parameters"]
    if not any(shown["window_bytes"]):
        del shown["window_bytes"]
    for key, (before, after) in shown.items():
        change = after - before
        relative = f"{change / before:+.1%}" if before else ""
        signed = f"{change:+,}" if change else "same"
        table.add_row(COSTS[key], f"{before:,}", f"{after:,}", signed, relative if change else "")
    return table
