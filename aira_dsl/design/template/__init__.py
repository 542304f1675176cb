"""The task that `aira-dsl design new` writes: complete and small, as a beginning."""

import os
import re
import shutil
import tempfile
from pathlib import Path

from aira_dsl.design.task import METADATA
from aira_dsl.errors import InputError
from aira_dsl.utils.files import TEMPORARY, reporting

_FILES = Path(__file__).parent / "files"
_REPLACED = "replaced-"
"""How the folder begins in which the files of a task lie while it is replaced."""


def write_template(folder: Path, *, force: bool = False) -> None:
    """Write a task into a folder.

    Args:
        folder: made if missing.
        force: replace the task that is there.

    Raises:
        InputError: E1213, the folder is not empty, and `force` is not given or it is not a task.
        RunError: E0904, it cannot be written.
    """
    _require_free(folder, force)
    with reporting(f"{folder} cannot be written"):
        folder.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder))
        try:
            ignore = shutil.ignore_patterns("__pycache__")
            shutil.copytree(_FILES, made, dirs_exist_ok=True, ignore=ignore)
            _set_name(made / METADATA, folder.resolve().name)
            _move_into(folder, made)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _set_name(metadata: Path, folder: str) -> None:
    """Name the task after its folder; a name has the letters a to z, digits and `_`."""
    name = re.sub(r"^[^a-z]+", "", re.sub(r"[^a-z0-9_]", "_", folder.lower()))[:40]
    if name:
        text = metadata.read_text(encoding="utf-8")
        metadata.write_text(text.replace("name: my_task", f"name: {name}", 1), encoding="utf-8")


def _require_free(folder: Path, force: bool) -> None:
    """Check that nothing is lost but, with consent, another task.

    Raises:
        InputError: E1213.
    """
    if not folder.exists() or (folder.is_dir() and not any(folder.iterdir())):
        return
    is_task = (folder / METADATA).is_file()
    if force and is_task:
        return
    raise InputError(
        "E1213",
        f"{folder} exists and is not empty" + ("" if is_task else "; it is not a task"),
        help="choose another folder" + (", or replace the task with --force" if is_task else ""),
    )


def _move_into(folder: Path, made: Path) -> None:
    """Replace all that is in a folder by what is in a new folder inside it.

    What was there is moved aside, into another folder inside, and is deleted when everything new is
    in its place. An exception moves it back; a process that is killed leaves it there.
    """
    aside = Path(tempfile.mkdtemp(prefix=_REPLACED, dir=folder))
    olds = sorted(set(folder.iterdir()) - {made, aside})
    moves = [(old, aside / old.name) for old in olds]
    moves += [(part, folder / part.name) for part in sorted(made.iterdir())]
    done: list[tuple[Path, Path]] = []
    try:
        for source, target in moves:
            done.append((source, target))
            source.rename(target)
    except BaseException:
        for source, target in reversed(done):
            if os.path.lexists(target):
                target.rename(source)
        aside.rmdir()
        raise
    shutil.rmtree(aside)
