"""Checks of the cache folder and of the evaluation store."""

import os
import shutil
import tempfile
from contextlib import closing
from pathlib import Path

from aira_dsl.doctor.check import Check, Outcome
from aira_dsl.doctor.machine import Machine
from aira_dsl.utils.files import cache_folder
from aira_dsl.utils.formatting import gib, plural

_TRIED = 1 << 16  # bytes that are written to the cache folder


def _cache(machine: Machine) -> Outcome:
    folder = cache_folder()
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=folder) as file:
            file.write(bytes(_TRIED))
            file.flush()
            os.fsync(file.fileno())
        free = shutil.disk_usage(folder).free
    except OSError as error:
        advice = "free space or fix permissions, or set XDG_CACHE_HOME to another folder"
        return Outcome("broken", f"{folder} cannot be written: {error.strerror or error}", advice)
    return Outcome("ok", f"{folder} can be written, {gib(free)} free")


def _store(machine: Machine) -> Outcome:
    from aira_dsl.errors import AiraError
    from aira_dsl.evaluation.store import Store, default_store_path

    path = default_store_path()
    if not _can_be_written(path):
        advice = "fix permissions, or set AIRA_DSL_STORE to another file"
        return Outcome("broken", f"{path} or its folder cannot be written", advice)
    if not path.exists():
        return Outcome("ok", f"{path} does not exist yet; the first evaluation makes it")
    try:
        with closing(Store(path)) as store:
            found = f"{path}, {plural(len(store), 'evaluation')}, {_size(path)}"
    except AiraError as error:
        return Outcome("broken", error.message, error.help or "")
    return Outcome("ok", found)


def _can_be_written(path: Path) -> bool:
    """Tell whether a file can be written, or made: SQLite writes to its folder, too."""
    folder = next(each for each in path.absolute().parents if each.exists())
    places = (folder, path) if path.exists() else (folder,)
    return folder.is_dir() and all(os.access(place, os.W_OK) for place in places)


def _size(path: Path) -> str:
    return f"{path.stat().st_size / 2**20:,.1f} MiB"


CHECKS = (
    Check("cache", "needed", "the kernels, the evaluation store, prepared data", _cache),
    Check("store", "needed", "no evaluation runs twice", _store),
)
