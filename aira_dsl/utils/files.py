"""Where our own files lie, how they are replaced, and how a folder is kept to one process.

A reader sees the old content of a file or the new, never a part of either.
"""

import fcntl
import os
import shutil
import tempfile
from pathlib import Path
from typing import IO

from aira_dsl.errors import RunError

TEMPORARY = ".aira-dsl-"
"""How the names of files begin that are being written; a killed process may leave one behind."""

LOCK = ".lock"


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


def lock_folder(path: Path) -> IO[str] | None:
    """Lock a folder by its `.lock` file, or return None if another process has it.

    The lock ends with the file that is returned, or with the process.

    Raises:
        OSError: the folder can not be written.
    """
    lock = (path / LOCK).open("a+")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


def clear_folder(path: Path) -> None:
    """Remove all that a locked folder holds but its lock."""
    for entry in path.iterdir():
        if entry.name != LOCK:
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()


def _mode(target: str) -> int:
    """Return the permissions of the file, or those that a new one gets."""
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
