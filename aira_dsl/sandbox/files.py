"""Files that foreign code has written: regular files of a limited size, and no links.

Every file is opened once, without following links in any part of its path, and is checked and read
through that one descriptor. So it does not matter what happens to its name meanwhile.
"""

import errno
import os
import stat
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from itertools import islice
from pathlib import Path

from aira_dsl.errors import InputError

MIB = 1 << 20
_DEEPEST = 16  # levels of folders
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW
_ANY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK  # a pipe does not block


def collect(folder: int, allowed: Mapping[str, int], into: Path) -> dict[str, Path]:
    """Copy named files out of a folder, which may still be written to.

    Args:
        folder: descriptor of the folder.
        allowed: names, with `/` between parts, and the most bytes that each may have.
        into: an existing folder, where a copy gets the same name.

    Returns:
        The copies, by name; files that do not exist are left out.

    Raises:
        InputError: E1103, something else than a regular file, or a file that is too large.
    """
    copies = {}
    for name, most in allowed.items():
        with ExitStack() as opened:
            try:
                source = _open(folder, name, opened)
            except FileNotFoundError:
                continue
            copies[name] = into / name
            copies[name].parent.mkdir(parents=True, exist_ok=True)
            _copy(source, name, copies[name], most)
    return copies


def copy_tree(
    source: Path, into: Path, *, most_files: int = 100, most_bytes: int = 16 * MIB
) -> int:
    """Copy a folder of foreign files: regular files and folders, and nothing else.

    Args:
        source: the folder.
        into: a folder that does not exist yet.
        most_files: number of files and folders.
        most_bytes: bytes of all files together.

    Returns:
        Bytes of all files together.

    Raises:
        InputError: E1103, a link or a special file; too many files, bytes or levels of folders.
    """
    size = 0
    with ExitStack() as opened:
        top = os.open(source, os.O_RDONLY | os.O_DIRECTORY)
        opened.callback(os.close, top)
        into.mkdir(parents=True)
        for count, name in enumerate(_names(top, "", most_files + 1), 1):
            if count > most_files:
                raise _refused(name, f"there are more than {most_files} files")
            with ExitStack() as one:
                entry = _open(top, name, one)
                if stat.S_ISDIR(os.fstat(entry).st_mode):
                    (into / name).mkdir()
                else:
                    size += _copy(entry, name, into / name, most_bytes - size)
    return size


def _names(top: int, folder: str, most: int) -> Iterator[str]:
    """Yield the names below a folder, each folder before what it contains, sorted."""
    if folder.count("/") > _DEEPEST:
        raise _refused(folder, f"there are more than {_DEEPEST} levels of folders")
    with ExitStack() as opened, os.scandir(_open(top, folder or ".", opened)) as entries:
        found = sorted(
            (each.name, each.is_dir(follow_symlinks=False)) for each in islice(entries, most)
        )
    for name, is_folder in found:
        yield f"{folder}{name}"
        if is_folder:
            yield from _names(top, f"{folder}{name}/", most)


def _open(folder: int, name: str, opened: ExitStack) -> int:
    """Return a descriptor of a file or folder below a folder; no part of its name is a link."""
    *parents, last = name.rstrip("/").split("/")
    if ".." in (*parents, last):
        raise _refused(name, "it is outside the folder")
    try:
        for part in parents:
            folder = os.open(part, _FOLDER, dir_fd=folder)
            opened.callback(os.close, folder)
        number = os.open(last, _ANY, dir_fd=folder)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENOTDIR):
            raise _refused(name, "it is a link, or below something that is not a folder") from None
        if error.errno in (errno.ENXIO, errno.EACCES, errno.ENODEV):
            raise _refused(name, "it cannot be read") from None
        raise
    opened.callback(os.close, number)
    return number


def _copy(source: int, name: str, copy: Path, most: int) -> int:
    """Copy a regular file; return its bytes. One that grows while it is read is too large too."""
    status = os.fstat(source)
    if not stat.S_ISREG(status.st_mode):
        raise _refused(name, "it is not a regular file")
    size = 0
    with copy.open("xb") as file:
        while size <= most and status.st_size <= most and (chunk := os.read(source, MIB)):
            size += file.write(chunk[: most + 1 - size])
    if max(size, status.st_size) > most:
        copy.unlink()
        raise _refused(name, f"it has more than {most} bytes")
    return size


def _refused(name: str, reason: str) -> InputError:
    return InputError("E1103", f"the file {name!r} is refused: {reason}")
