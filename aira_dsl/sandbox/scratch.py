"""The scratch folder of a program: a file system of its own, or a folder that is measured."""

import contextlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from aira_dsl.sandbox.spec import Limits

_DEEPEST = 64  # levels of folders; deeper ones count as too many files
_GONE = (FileNotFoundError, NotADirectoryError)  # removed or replaced meanwhile
_BLOCK = 512  # bytes; the unit of `st_blocks`


class MountedScratch:
    """A tmpfs of the sandbox, of which a descriptor is open; the kernel holds the limit of bytes.

    Args:
        descriptor: of its root; with the last one the file system is gone.
    """

    def __init__(self, descriptor: int) -> None:
        self.descriptor = descriptor

    def is_too_large(self, limits: Limits, _: list[int]) -> bool:
        """Return whether it has too many files."""
        found = os.fstatvfs(self.descriptor)
        return found.f_files - found.f_ffree > limits.scratch_files

    def bytes_used(self) -> int:
        """Return the bytes in use, those of deleted files that are open included."""
        found = os.fstatvfs(self.descriptor)
        return (found.f_blocks - found.f_bfree) * found.f_frsize


class FolderScratch:
    """A new folder, of which only one user of this machine may use anything.

    Args:
        user: number of the user; None for the one of this process.
    """

    def __init__(self, user: int | None) -> None:
        self.path = Path(tempfile.mkdtemp(prefix="aira-dsl-scratch-"))
        if user is not None:
            os.chown(self.path, user, user)
        self.descriptor = os.open(self.path, os.O_RDONLY | os.O_DIRECTORY)

    def is_too_large(self, limits: Limits, processes: list[int]) -> bool:
        """Return whether it has too many bytes (those of deleted open files too), files, levels.

        A folder that cannot be read hides what it has, and counts as too large: one without
        permissions, or one whose path is longer than the system allows.
        """
        files, size = 0, _deleted_and_open(processes, os.fstat(self.descriptor).st_dev)
        try:
            for entry, depth in _entries(self.path):
                size += _bytes(entry)
                files += 1
                if size > limits.scratch or files > limits.scratch_files or depth > _DEEPEST:
                    return True
        except OSError:
            return True
        return size > limits.scratch

    def close(self) -> None:
        """Remove the folder."""
        os.close(self.descriptor)
        with suppress(RecursionError):  # thousands of folders in each other
            shutil.rmtree(self.path, ignore_errors=True)
        if self.path.exists():  # folders without permissions, or nested too deep for `rmtree`
            subprocess.run(["chmod", "-R", "u+rwX", "--", self.path], check=False)
            subprocess.run(["rm", "-rf", "--", self.path], check=False)


def _entries(top: Path) -> Iterator[tuple[os.DirEntry[str], int]]:
    """Yield files and folders below a folder, with their level; no link is followed."""
    pending = [(str(top), 1)]
    while pending:
        folder, depth = pending.pop()
        with contextlib.suppress(*_GONE), os.scandir(folder) as entries:
            for entry in entries:
                yield entry, depth
                if entry.is_dir(follow_symlinks=False):
                    pending.append((entry.path, depth + 1))


def _bytes(entry: os.DirEntry[str]) -> int:
    with contextlib.suppress(*_GONE):
        return entry.stat(follow_symlinks=False).st_blocks * _BLOCK
    return 0


def _deleted_and_open(processes: list[int], device: int) -> int:
    """Return the bytes of deleted files of a file system that processes have open."""
    found = {}
    for process in processes:
        with contextlib.suppress(OSError), os.scandir(f"/proc/{process}/fd") as entries:
            for entry in entries:
                with contextlib.suppress(OSError):
                    status = os.stat(entry.path)
                    if status.st_nlink == 0 and status.st_dev == device:
                        found[status.st_ino] = status.st_blocks * _BLOCK
    return sum(found.values())
