"""Comparisons read back from their folders."""

from pathlib import Path
from typing import TypeVar

from pydantic import TypeAdapter, ValidationError

from aira_dsl.errors import InputError
from aira_dsl.experiments.comparison.design_record import DesignComparison
from aira_dsl.experiments.comparison.record import FILE, Comparison

T = TypeVar("T")


def read_comparison(folder: str | Path) -> Comparison:
    """Read the comparison of searches that a folder holds.

    Raises:
        InputError: E0821, if it holds none, or a damaged one.
    """
    return _read(folder, TypeAdapter(Comparison))


def read_any_comparison(folder: str | Path) -> Comparison | DesignComparison:
    """Read the comparison that a folder holds; as for `read_comparison`."""
    return _read(folder, TypeAdapter(Comparison | DesignComparison))


def _read(folder: str | Path, kind: TypeAdapter[T]) -> T:
    path = Path(folder) / FILE
    try:
        return kind.validate_json(path.read_bytes())
    except OSError as error:
        reason = f"{path} cannot be read: {error.strerror}"
    except ValidationError:
        reason = f"{path} is damaged, or of another version"
    raise InputError(
        "E0821",
        f"{folder} does not hold a valid comparison: {reason}",
        help="give the --out folder of a finished `aira-dsl compare`; the same command writes it",
    )
