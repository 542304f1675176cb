"""Locks between processes: files that one process at a time holds, freed with the process."""

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from aira_dsl.errors import InputError
from aira_dsl.utils.files import reporting


def acquire(path: Path) -> IO[str] | None:
    """Lock a file, which is made if missing; return None if another process holds it.

    Raises:
        OSError: the file cannot be made.
    """
    lock = path.open("a+", encoding="utf-8")
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        lock.close()
        return None
    return lock


@contextmanager
def wait_for(path: Path) -> Iterator[None]:
    """Hold the lock of a file, which is made if missing, when no other process does any more.

    Raises:
        RunError: E0904, the file cannot be made.
    """
    with reporting(f"{path} cannot be written"):
        lock = path.open("a+", encoding="utf-8")
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def locked_output(path: Path, *, busy: str, job: str) -> Iterator[None]:
    """Let no other process write a file meanwhile; the lock is a hidden file beside it.

    Args:
        path: the file, which need not exist.
        busy: code of the refusal.
        job: what writes the file, such as `table`.

    Raises:
        InputError: `busy`, if another process holds the lock; E0503, if the path is a folder.
        RunError: E0904, if its folder cannot be written.
    """
    if path.is_dir():
        raise InputError("E0503", f"{path} is a folder", help="give --out a file name")
    file = path.with_name(f".{path.name}.lock")
    with reporting(f"{path} cannot be written"):
        lock = _acquire_removable(file)
    if lock is None:
        raise InputError(
            busy,
            f"another process makes the {job} {path}",
            help="wait for it, or choose another file with --out",
        )
    with lock:
        try:
            yield
        finally:
            file.unlink(missing_ok=True)


def _acquire_removable(path: Path) -> IO[str] | None:
    """Lock a file that its holder removes: one that was removed meanwhile locks nothing."""
    while (lock := acquire(path)) is not None:
        if path.exists() and os.path.samestat(os.fstat(lock.fileno()), path.stat()):
            break
        lock.close()
    return lock
