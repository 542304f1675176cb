"""Where our own files lie, and how files are replaced: a reader sees the old content or the new."""

import os
import tempfile
from pathlib import Path

from aira_dsl.errors import RunError

TEMPORARY = ".aira-dsl-"
"""How the names of files begin that are being written; a killed process may leave one behind."""


def cache_folder() -> Path:
    """Return the folder for what can be made again: aira-dsl in the user's XDG cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "aira-dsl")


def replace_file(path: str | Path, data: bytes) -> None:
    """Replace a file's content or make the file; on failure all is as it was.

    An existing file keeps its permissions, a symbolic link keeps pointing.

    Raises:
        OSError: the file can not be written.
    """
    target = os.path.realpath(path)
    handle, temporary = tempfile.mkstemp(dir=os.path.dirname(target), prefix=TEMPORARY)
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, _mode(target))
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise


def write_atomically(path: str | Path, content: str | bytes) -> None:
    """Replace a file that belongs to us.

    Raises:
        RunError: E0904, if it can not be written (permissions, full disk, missing folder).
    """
    try:
        replace_file(path, content.encode() if isinstance(content, str) else content)
    except OSError as error:
        raise RunError(
            "E0904",
            f"{path} can not be written: {error.strerror or error}",
            help="free space, fix permissions, or choose another place",
        ) from None


def _mode(target: str) -> int:
    """Return the permissions of the file, or those that a new one gets."""
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
