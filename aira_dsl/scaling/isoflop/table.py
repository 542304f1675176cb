"""A CSV file of training runs as text cells: read with a limit, filtered by `--where`."""

import csv
import io
import operator
import re
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.errors import InputError
from aira_dsl.scaling.isoflop.columns import find_column

MAX_BYTES = 64 << 20
_NAME = "name a CSV file of training runs, such as the runs.csv of a grid"
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?")
_CONDITION = re.compile(r"\s*(.+?)\s*(<=|>=|!=|=|<|>)\s*(.*?)\s*")
_ORDER: dict[str, Callable[[float, float], bool]] = {
    "<": operator.lt, "<=": operator.le, ">": operator.gt, ">=": operator.ge,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Row:
    """One row of a file.

    Attributes:
        line: its line in the file; the header is line 1.
        cells: text of each column, without spaces around it.
    """

    line: int
    cells: tuple[str, ...]


def read_table(path: Path) -> tuple[tuple[str, ...], list[Row]]:
    """Return the header and the rows of a CSV file with commas.

    Raises:
        InputError: E1301, the file cannot be read, is empty, larger than 64 MiB or not UTF-8, or a
            row has another number of cells than the header.
    """
    reader = csv.reader(io.StringIO(_text(path), newline=""), strict=True)
    rows: list[Row] = []
    try:
        for cells in reader:
            if cells:
                rows.append(Row(reader.line_num, tuple(cell.strip() for cell in cells)))
    except csv.Error as error:
        raise InputError("E1301", f"{path}, line {reader.line_num}: {error}") from None
    if len(rows) < 2:
        what = "has a header and no runs" if rows else "is empty"
        raise InputError("E1301", f"{path} {what}", help="a run is a row below the header")
    header = rows[0].cells
    _refuse_other_separators(path, header)
    for row in rows[1:]:
        if len(row.cells) != len(header):
            message = f"line {row.line} has {len(row.cells)} cells, the header {len(header)}"
            raise InputError("E1301", f"{path}, {message}", help="separate cells by commas")
    return header, rows[1:]


def _refuse_other_separators(path: Path, header: tuple[str, ...]) -> None:
    """Raise InputError E1301 if the names of all columns are in one cell."""
    for mark, name in ((";", "semicolons"), ("\t", "tabs")):
        if len(header) == 1 and mark in header[0]:
            raise InputError(
                "E1301", f"{path} separates its cells by {name}", help="separate cells by commas"
            )


def select(header: Sequence[str], rows: Sequence[Row], conditions: Sequence[str]) -> list[Row]:
    """Return the rows that satisfy all conditions, such as `dataset=c4` and `tokens>=1e9`.

    Raises:
        InputError: E1306, for a condition that is not valid, names no column or leaves no row.
            E1303, for a cell that has to be compared with a number and is none.
    """
    kept = list(rows)
    for condition in conditions:
        accepts = _condition(header, condition)
        kept = [row for row in kept if accepts(row)]
        if not kept:
            raise InputError("E1306", f"no run satisfies --where {condition!r}")
    return kept


def number(header: Sequence[str], row: Row, place: int) -> float:
    """Return the number in a cell.

    Raises:
        InputError: E1303, the cell is empty or not a number.
    """
    cell = row.cells[place]
    if not _NUMBER.fullmatch(cell):
        problem = f"{cell!r} is not a finite number" if cell else "the value is missing"
        raise unusable(header, row, place, problem)
    return float(cell)


def unusable(header: Sequence[str], row: Row, place: int, problem: str) -> InputError:
    """Return the error about a cell."""
    cell = row.cells[place]
    condition = f" {shlex.quote(f'{header[place]}!={cell}')}" if cell.isprintable() else ""
    return InputError(
        "E1303",
        f"line {row.line}, column {header[place]!r}: {problem}",
        help=f"correct the row, or leave it out with --where{condition} or a column `outlier`",
    )


def _condition(header: Sequence[str], text: str) -> Callable[[Row], bool]:
    """Return the test of a row that a condition asks for."""
    match = _CONDITION.fullmatch(text)
    place = find_column(header, match[1]) if match else None
    if match is None or place is None:
        problem = "is not a condition" if match is None else f"names no column: {match[1]!r}"
        raise InputError(
            "E1306",
            f"--where {text!r} {problem}",
            help=f"write COLUMN=VALUE or COLUMN>=NUMBER; columns: {', '.join(header)}",
        )
    sign, value = match[2], match[3]
    if sign in ("=", "!="):
        return lambda row: (row.cells[place] == value) == (sign == "=")
    if not _NUMBER.fullmatch(value):
        raise InputError("E1306", f"--where {text!r}: {value!r} is not a number")
    limit, compare = float(value), _ORDER[sign]
    return lambda row: compare(number(header, row, place), limit)


def _text(path: Path) -> str:
    """Return the text of a regular file."""
    try:
        if not path.is_file():
            what = "is not a regular file" if path.exists() else "does not exist"
            raise InputError("E1301", f"{path} {what}", help=_NAME)
        if path.stat().st_size > MAX_BYTES:
            raise InputError("E1301", f"{path} is larger than {MAX_BYTES >> 20} MiB")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError("E1301", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise InputError(
            "E1301", f"{path} is not UTF-8 text: byte {error.start}", help="save it as UTF-8"
        ) from None
    if "\0" in text:
        raise InputError("E1301", f"{path} is not a text file: it holds zero bytes")
    return text
