"""From a CSV file to the runs of each design, with an account of columns and rows."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from aira_dsl.errors import InputError
from aira_dsl.scaling.isoflop.columns import Columns, Quantity, sort_columns
from aira_dsl.scaling.isoflop.runs import Runs, ordered
from aira_dsl.scaling.isoflop.table import Row, number, read_table, select, unusable
from aira_dsl.utils.formatting import listed
from aira_dsl.utils.statistics import Floats

FLOPS_PER_TOKEN_PARAMETER = 6.0
_LIMIT = 1e60
_YES, _NO = {"true", "1", "yes"}, {"false", "0", "no", ""}


@dataclass(frozen=True)
class Reading:
    """The runs of a file.

    Attributes:
        columns: how each column is used.
        rows: number of rows in the file.
        selected: number of rows that satisfy the conditions of the user.
        outliers: number of those that are marked as outliers and left out.
        duplicates: number of runs that repeat size, tokens and loss of another run of the design.
        derived: sentences about quantities that the file does not have.
        designs: the runs of each design, in the order of their names.
    """

    columns: Columns
    rows: int
    selected: int
    outliers: int
    duplicates: int
    derived: tuple[str, ...]
    designs: tuple[Runs, ...]


def read_runs(path: Path, *, where: Sequence[str] = (), ignore: Sequence[str] = ()) -> Reading:
    """Read the runs of a CSV file.

    Args:
        path: the file; docs/isoflop.md lists the names of its columns.
        where: conditions that runs must satisfy, such as `dataset=c4`.
        ignore: names of columns that are left out.

    Raises:
        InputError: E1301, for a file that cannot be read; E1302, for its columns; E1303, for a
            value that is missing, not a number or not above zero; E1304, for runs of different
            data; E1306, for a condition.
    """
    header, rows = read_table(path)
    columns = sort_columns(header, ignore)
    selected = select(header, rows, where)
    kept = [row for row in selected if not _is_outlier(columns, row)]
    if not kept:
        raise InputError("E1306", f"{path}: all runs are marked as outliers")
    _require_one_data_set(columns, kept)
    groups: dict[str, list[Row]] = {}
    for row in kept:
        groups.setdefault(_design(columns, row), []).append(row)
    designs = tuple(_runs(columns, name, groups[name]) for name in sorted(groups))
    return Reading(
        columns=columns,
        rows=len(rows),
        selected=len(selected),
        outliers=len(selected) - len(kept),
        duplicates=sum(map(_duplicates, designs)),
        derived=_derived(columns),
        designs=designs,
    )


def _is_outlier(columns: Columns, row: Row) -> bool:
    place = columns.quantities.get("outlier")
    if place is None:
        return False
    cell = row.cells[place].casefold()
    if cell not in _YES | _NO:
        raise unusable(columns.header, row, place, f"{row.cells[place]!r} is not true or false")
    return cell in _YES


def _require_one_data_set(columns: Columns, rows: Sequence[Row]) -> None:
    for place in columns.data:
        values = sorted({row.cells[place] for row in rows})
        if len(values) > 1:
            name = columns.header[place]
            raise InputError(
                "E1304",
                f"the runs are of different data: {name} is {listed(list(map(repr, values)))}",
                help=f"losses on different data do not share a fit; choose: --where {name}=VALUE",
            )


def _design(columns: Columns, row: Row) -> str:
    """Return the name of a run's design: what its columns say, without empty cells."""
    for place in columns.design:
        if not row.cells[place].isprintable():
            raise unusable(columns.header, row, place, "a name holds a control character")
    name = "/".join(row.cells[i] for i in columns.design if row.cells[i])
    if columns.design and not name:
        raise unusable(columns.header, row, columns.design[0], "the value is missing")
    return name or "all runs"


def _runs(columns: Columns, design: str, rows: Sequence[Row]) -> Runs:
    given = {q: _positive(columns, rows, q) for q in columns.quantities if q != "outlier"}
    params, tokens = given["params"], given.get("tokens")
    flops = given.get("flops", given.get("budget"))
    if tokens is None:
        assert flops is not None  # the columns are checked
        tokens = flops / (FLOPS_PER_TOKEN_PARAMETER * params)
    if flops is None:
        flops = FLOPS_PER_TOKEN_PARAMETER * params * tokens
    return ordered(
        Runs(
            design, params, tokens, flops, given.get("budget"), given["loss"], given.get("latency")
        )
    )


def _positive(columns: Columns, rows: Sequence[Row], quantity: Quantity) -> Floats:
    """Return a column of finite numbers above zero."""
    place = columns.quantities[quantity]
    values = np.empty(len(rows))
    for i, row in enumerate(rows):
        values[i] = number(columns.header, row, place)
        if not 0 < values[i] < _LIMIT:
            problem = f"{row.cells[place]} is not above zero and below {_LIMIT:g}"
            raise unusable(columns.header, row, place, problem)
    return values


def _duplicates(runs: Runs) -> int:
    rows = np.stack([runs.params_R, runs.tokens_R, runs.loss_R], -1)
    return len(runs) - len(np.unique(rows, axis=0))


def _derived(columns: Columns) -> tuple[str, ...]:
    """Say which quantities are computed from others."""
    has, said = columns.quantities, []
    if "tokens" not in has:
        source = "flops" if "flops" in has else "budget"
        said.append(f"tokens = {source}/(6·params): the file has none")
    elif "flops" not in has and "budget" in has:
        said.append("flops = budget: the file has no other")
    elif "flops" not in has:
        said.append("flops = 6·params·tokens: the file has none")
    return tuple(said)
