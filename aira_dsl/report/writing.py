"""Write a text file whole or not at all, and never over something else unasked."""

from pathlib import Path
from typing import Literal

from aira_dsl.errors import InputError, RunError
from aira_dsl.utils.files import replace_file


def write_text(path: Path, text: str, *, force: bool = False) -> Literal["written", "unchanged"]:
    """Write a file by way of a temporary one beside it.

    Returns:
        "written", or "unchanged" if exactly this text was there already.

    Raises:
        InputError: E0503, something else is there and `force` is not given.
        RunError: E0504, the file can not be written.
    """
    data = text.encode()
    try:
        if path.is_dir():
            raise InputError("E0503", f"{path} is a folder", help="give --out a file name")
        if path.exists():
            if path.read_bytes() == data:
                return "unchanged"
            if not force:
                raise InputError(
                    "E0503",
                    f"{path} exists and holds something else",
                    help="choose another place with --out, or replace it with --force",
                )
        replace_file(path, data)
    except OSError as error:
        raise RunError(
            "E0504",
            f"{path} can not be written: {error.strerror or error}",
            help="check permissions and free space",
        ) from error
    return "written"
