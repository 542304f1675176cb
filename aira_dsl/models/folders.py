"""A folder of results, written whole or not at all.

It is made beside its destination under a temporary name and renamed into place, so a full disk or
an interrupt never leaves half of one. Writing what is already there, byte for byte, does nothing;
something else of the same kind is replaced only when told to, and other things never.
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

from safetensors import SafetensorError

from aira_dsl.errors import InputError, RunError


@dataclass(frozen=True, slots=True)
class Kind:
    """What a folder holds.

    Attributes:
        name: with its article, `a module folder`.
        content: what another one of this kind would be, `another model`.
        files: every file name that may be in it.
    """

    name: str
    content: str
    files: frozenset[str]


def write_folder(
    folder: Path, kind: Kind, write: Callable[[Path], None], *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Fill a temporary folder by `write` and move it into place.

    Returns:
        "written", or "unchanged" if exactly this content was there already.

    Raises:
        InputError: E0503, the folder holds something else (and `force` is not given, or it is of
            another kind).
        RunError: E0504, it can not be written.
    """
    folder = folder.resolve()
    require_replaceable(folder, kind)
    with reporting(f"{folder} can not be written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=f".{folder.name}.", dir=folder.parent))
        try:
            write(made)
            _publish(made)
            if folder.is_dir() and _same(made, folder):
                return "unchanged"
            _require_consent(folder, kind, force)
            _replace(made, folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)
    return "written"


def require_replaceable(folder: Path, kind: Kind) -> None:
    """Raise InputError E0503 if something of another kind is in the way.

    Even force does not replace such a thing: `--out .` must not cost anybody their files.
    """
    if not os.path.lexists(folder):
        return
    with reporting(f"{folder} can not be replaced"):
        if folder.is_dir() and set(os.listdir(folder)) <= kind.files:
            return
    raise InputError(
        "E0503",
        f"{folder} exists and is not {kind.name}",
        help="choose another place with --out",
    )


@contextmanager
def reporting(what: str) -> Iterator[None]:
    """Turn failures of the file system into E0504."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        number = error.errno if isinstance(error, OSError) else None
        reason = os.strerror(number) if number else str(error)
        raise RunError(
            "E0504", f"{what}: {reason}", help="check permissions and free space"
        ) from error


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


def _require_consent(folder: Path, kind: Kind, force: bool) -> None:
    if folder.is_dir() and any(folder.iterdir()) and not force:
        raise InputError(
            "E0503",
            f"{folder} exists and holds {kind.content}",
            help="choose another place with --out, or replace it with --force",
        )


def _replace(made: Path, folder: Path) -> None:
    """Move a finished folder into place; the old one returns if that fails."""
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
