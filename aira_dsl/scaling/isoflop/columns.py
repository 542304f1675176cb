"""The columns of a CSV of training runs: which are used, which have no effect, which are refused.

Names are compared without regard to letter case, spaces, hyphens, underscores and dots.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from aira_dsl.errors import InputError

Quantity = Literal["params", "tokens", "flops", "budget", "loss", "latency", "outlier"]

QUANTITIES: dict[Quantity, tuple[str, ...]] = {
    "params": ("params", "parameters", "model size", "model params", "n params", "size", "n"),
    "tokens": ("tokens", "training tokens", "train tokens", "n tokens", "d"),
    "flops": ("flops", "flop", "training flops", "training flop", "train flops", "compute", "c"),
    "budget": ("budget", "flop budget", "flops budget", "compute budget"),
    "loss": ("loss", "final loss", "val loss", "validation loss", "eval loss"),
    "latency": ("latency", "seconds per token", "seconds a token", "decode seconds"),
    "outlier": ("outlier", "excluded"),
}
"""Quantities of a run with the names of their columns."""

DESIGN = ("design", "model", "architecture", "condition")
"""Columns whose values, joined, name the design of a run."""

DATA = ("dataset", "corpus", "source")
"""Columns that say where runs come from: one value in each fit."""

WITHOUT_EFFECT = (
    "", "index", "unnamed: 0", "id", "run", "name", "run name", "experiment", "reason", "comment",
    "note", "notes", "date", "time", "seconds", "url", "seed", "step", "steps",
    "x", "y", "color", "hex color",
)  # fmt: skip
"""Columns that are known and change nothing: runs that differ in them are runs of their own."""


@dataclass(frozen=True)
class Columns:
    """How the columns of a file are used.

    Attributes:
        header: the names as they are in the file.
        quantities: index of the column of each quantity that the file has.
        design: indices of the columns that name the design.
        data: indices of the columns that name the data.
        without_effect: names of known columns that change nothing.
        ignored: names that the user has asked to ignore.
    """

    header: tuple[str, ...]
    quantities: dict[Quantity, int]
    design: tuple[int, ...]
    data: tuple[int, ...]
    without_effect: tuple[str, ...]
    ignored: tuple[str, ...]

    @property
    def used(self) -> dict[str, str]:
        """What each used column is taken for, by its name in the file."""
        found = {self.header[index]: str(name) for name, index in self.quantities.items()}
        found |= {self.header[index]: "design" for index in self.design}
        return found | {self.header[index]: "data" for index in self.data}


def sort_columns(header: Sequence[str], ignore: Sequence[str] = ()) -> Columns:
    """Recognise every column of a header.

    Args:
        header: names of the columns.
        ignore: names of columns that are left out, whatever they are.

    Raises:
        InputError: E1302, for a column that is not known, two columns of one quantity, an ignored
            column that is not there, or a quantity that is missing.
    """
    by_key = {_key(name): place for place, name in enumerate(header)}
    if len(by_key) < len(header):
        twice = next(name for i, name in enumerate(header) if by_key[_key(name)] != i)
        raise InputError("E1302", f"two columns have the name {twice!r}", help="rename one of them")
    for name in ignore:
        if _key(name) not in by_key:
            known = ", ".join(header)
            raise InputError("E1302", f"no column {name!r} to ignore", help=f"columns: {known}")
    left = {k: i for k, i in by_key.items() if k not in {_key(name) for name in ignore}}
    columns = Columns(
        header=tuple(header),
        quantities=_quantities(header, left),
        design=_indices(DESIGN, left),
        data=_indices(DATA, left),
        without_effect=tuple(header[i] for i in sorted(_indices(WITHOUT_EFFECT, left))),
        ignored=tuple(name for name in header if left.get(_key(name)) is None),
    )
    _refuse_unknown(columns, left)
    _require(columns)
    return columns


def find_column(header: Sequence[str], name: str) -> int | None:
    """Return the index of the column with this name, or None."""
    return next((i for i, each in enumerate(header) if _key(each) == _key(name)), None)


def _quantities(header: Sequence[str], left: dict[str, int]) -> dict[Quantity, int]:
    found: dict[Quantity, int] = {}
    for quantity, names in QUANTITIES.items():
        places = _indices(names, left)
        if len(places) > 1:
            both = " and ".join(repr(header[place]) for place in places)
            raise InputError(
                "E1302",
                f"the columns {both} both hold {quantity}",
                help=f"leave one of them out, for example with --ignore {header[places[1]]!r}",
            )
        if places:
            found[quantity] = places[0]
    return found


def _refuse_unknown(columns: Columns, left: dict[str, int]) -> None:
    known = {*columns.quantities.values(), *columns.design, *columns.data}
    for place in left.values():
        name = columns.header[place]
        if place not in known and name not in columns.without_effect:
            raise InputError(
                "E1302",
                f"the column {name!r} is not known",
                help=f"if it has no effect on the loss, leave it out with --ignore {name!r}; "
                "docs/isoflop.md lists the known names",
            )


def _require(columns: Columns) -> None:
    """Raise InputError E1302 if N, L, or both of D and C are missing."""
    has = columns.quantities
    for quantity in ("params", "loss"):
        if quantity not in has:
            raise _missing(quantity, quantity)
    if not {"tokens", "flops", "budget"} & has.keys():
        raise _missing("tokens or flops", "tokens")


def _missing(what: str, quantity: Quantity) -> InputError:
    names = ", ".join(QUANTITIES[quantity])
    return InputError("E1302", f"no column holds {what}", help=f"name it one of: {names}")


def _indices(names: Sequence[str], left: dict[str, int]) -> tuple[int, ...]:
    return tuple(left[key] for key in map(_key, names) if key in left)


def _key(name: str) -> str:
    return re.sub(r"[\s_.-]+", "", name).casefold()
