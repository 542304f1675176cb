"""Where data sets are looked for, and the errors of what is found there."""

import os
from collections.abc import Sequence
from pathlib import Path

from aira_dsl.errors import InputError, UsageError
from aira_dsl.utils.files import cache_folder


def data_folder(given: str) -> Path:
    """Return the folder to look in.

    It is the given one, else that of AIRA_DSL_LRA, else `lra/data` in the cache of this package.
    """
    default = os.environ.get("AIRA_DSL_LRA") or cache_folder() / "lra" / "data"
    return Path(given or default)


def find(name: str, given: str, layouts: Sequence[str]) -> Path:
    """Return the first of these places, relative to the data folder, that exists.

    Raises:
        UsageError: E0652 if none exists.
    """
    root = data_folder(given)
    for layout in layouts:
        if (root / layout).exists():
            return root / layout
    places = " or ".join(str(root / layout) for layout in layouts)
    raise UsageError(
        "E0652",
        f"the data set {name} is not on this machine: {places} is missing",
        help="put it there, or set AIRA_DSL_LRA to the folder that holds it; "
        "where the task has a stand-in, source='stand-in' needs no data set",
    )


def required(path: Path, name: str) -> Path:
    """Return a file or folder of a data set.

    Raises:
        UsageError: E0652 if it does not exist.
    """
    if not path.exists():
        raise UsageError(
            "E0652",
            f"the data set {name} is incomplete: {path} is missing",
            help="extract the data set again",
        )
    return path


def read_file(path: Path) -> bytes:
    """Return the content of a file.

    Raises:
        InputError: E0653 if it cannot be read.
    """
    try:
        return path.read_bytes()
    except OSError as error:
        raise damaged(path, error.strerror or str(error)) from error


def damaged(path: Path, reason: str) -> InputError:
    """Return the error for a file that is not what the data set has."""
    return InputError(
        "E0653",
        f"{path} cannot be used: {reason}",
        help="get the data set again; the layouts are described in docs/lra.md",
    )
