"""Files and folders: atomic replacement, no overwriting without consent, the cache.

A reader sees the old content of a file or the new, never a part of either. What a user named is
never replaced by different content unless `force` is given; E0904 is the code of every failure to
write.
"""

import filecmp
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from aira_dsl.errors import InputError, RunError

TEMPORARY = ".aira-dsl-"
"""How the names of files begin that are being written; a killed process may leave one behind."""


def cache_folder() -> Path:
    """Return the folder for what can be made again: aira-dsl in the user's XDG cache."""
    return Path(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "aira-dsl")


def replace_file(path: str | Path, data: bytes) -> None:
    """Replace a file's content or make the file; on failure all is as it was.

    An existing file keeps its permissions, a symbolic link keeps pointing.

    Raises:
        OSError: the file cannot be written.
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
    """Replace a file, whatever it holds.

    Raises:
        RunError: E0904, the file cannot be written (permissions, full disk, missing folder).
    """
    with reporting(f"{path} cannot be written"):
        replace_file(path, content.encode() if isinstance(content, str) else content)


def write_text(path: Path, text: str, *, force: bool = False) -> Literal["written", "unchanged"]:
    """Write a file that a user named; different content is replaced only with `force`.

    Returns:
        "written", or "unchanged" if exactly this text was there already.

    Raises:
        InputError: E0503, the file exists with other content and `force` is not given.
        RunError: E0904, the file cannot be written.
    """
    data = text.encode()
    with reporting(f"{path} cannot be written"):
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
    return "written"


@dataclass(frozen=True, slots=True)
class OutputKind:
    """Contents of a folder that `write_folder` may replace.

    Attributes:
        name: with its article, `a module folder`.
        content: another one of this kind, `another model`.
        files: every file name that may be in it.
    """

    name: str
    content: str
    files: frozenset[str]


def write_folder(
    folder: Path, kind: OutputKind, write: Callable[[Path], None], *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Fill a temporary folder beside the destination with `write`, then rename it into place.

    A full disk or an interrupt leaves the destination as it was.

    Returns:
        "written", or "unchanged" if exactly this content was there already.

    Raises:
        InputError: E0503, the folder holds something else (and `force` is not given, or it is of
            another kind).
        RunError: E0904, it cannot be written.
    """
    folder = folder.resolve()
    require_replaceable(folder, kind)
    with reporting(f"{folder} cannot be written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            write(made)
            _publish(made)
            if folder.is_dir() and _same(made, folder):
                return "unchanged"
            require_consent(folder, kind, force)
            _replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return "written"


def require_replaceable(folder: Path, kind: OutputKind) -> None:
    """Raise InputError E0503 if the path exists and is not of this kind.

    `force` does not replace such a thing: `--out .` must not cost a user other files.
    """
    if not os.path.lexists(folder):
        return
    with reporting(f"{folder} cannot be replaced"):
        if folder.is_dir() and set(os.listdir(folder)) <= kind.files:
            return
    raise InputError(
        "E0503",
        f"{folder} exists and is not {kind.name}",
        help="choose another place with --out",
    )


@contextmanager
def reporting(problem: str) -> Iterator[None]:
    """Turn an OSError into RunError E0904 with this message and the system's reason."""
    try:
        yield
    except OSError as error:
        raise RunError(
            "E0904",
            f"{problem}: {_reason(error)}",
            help="free space, fix permissions, or choose another place",
        ) from error


def _reason(error: OSError) -> str:
    if isinstance(error, shutil.Error):  # of copying a folder: source, destination, reason per file
        return str(error.args[0][0][-1])
    return error.strerror or str(error)


def _publish(made: Path) -> None:
    """Give the permissions of ordinary files: mkdtemp and safetensors make things private."""
    made.chmod(0o755)
    for path in made.iterdir():
        path.chmod(0o644)


def _same(made: Path, folder: Path) -> bool:
    names = sorted(path.name for path in made.iterdir())
    return names == sorted(path.name for path in folder.iterdir()) and all(
        filecmp.cmp(made / name, folder / name, shallow=False) for name in names
    )


def require_consent(folder: Path, kind: OutputKind, force: bool) -> None:
    """Raise InputError E0503 if the folder has content and `force` is not given."""
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise InputError(
            "E0503",
            f"{folder} exists and holds {kind.content}",
            help="choose another place with --out, or replace it with --force",
        )


def _replace(made: Path, folder: Path) -> None:
    """Move a finished folder into place; if that fails, the old one is restored."""
    if not folder.exists():
        made.rename(folder)
        return
    old = made.with_name(made.name + ".old")
    folder.rename(old)
    try:
        made.rename(folder)
    except OSError:
        old.rename(folder)
        raise
    shutil.rmtree(old)


def _mode(target: str) -> int:
    """Return the permissions of the file, or those that a new one gets."""
    try:
        return os.stat(target).st_mode & 0o7777
    except FileNotFoundError:
        mask = os.umask(0)
        os.umask(mask)
        return 0o666 & ~mask
