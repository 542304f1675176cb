"""The data of a task at one size: prepared once by the task's prepare.py, then only read.

    FOLDER/train/       what a candidate may train on; it gets every file, read-only, at the start
    FOLDER/validation/  only the judge reads it; candidates are compared by it
    FOLDER/test/        only the judge reads it; opened once, for the winners
    FOLDER/data.json    task, size, seed of the data, and the digest of prepare.py

A folder is used as long as nothing changes that decides its content: prepare.py, the settings of
the size, and what the function `made_from` in prepare.py returns, if there is one:

    def made_from(size):
        return ["2", Path("/data/corpus")]

Texts stand for themselves, such as the version of code that prepare.py calls. A path stands for
names, sizes and times of change of the file, or of all files in the folder. When one of these
changes, data are made in another folder.

The seed is drawn by the machine unless one is given: with a public generator and a known seed, a
candidate could rebuild the answers.
"""

import errno
import hashlib
import json
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.design.metadata import Size
from aira_dsl.design.task import PREPARE, Task, failed
from aira_dsl.errors import AiraError, InputError
from aira_dsl.utils.files import TEMPORARY, cache_folder, replace_file, reporting

_RECORD = "data.json"
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG)
_SHORT = re.compile(r"\d+ requested and \d+ written")  # of numpy's `tofile`

Split = Literal["train", "validation", "test"]


class DataRecord(BaseModel):
    """What a folder of prepared data is.

    Attributes:
        task: name of the task.
        size: name of the size.
        seed: of everything that was drawn.
        seed_given: whether a user chose the seed; else the machine drew it.
        origin: identity of what decides the data, beside the seed.
        files: bytes of every file, by its path.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    size: str
    seed: int
    seed_given: bool
    origin: str
    files: dict[str, int]


@dataclass(frozen=True)
class DataFolder:
    """Prepared data, or the place where `prepare` writes them.

    Attributes:
        path: the folder.
        seed: of everything that is drawn.
    """

    path: Path
    seed: int

    @property
    def train(self) -> Path:
        """Folder of the training data."""
        return self.path / "train"

    @property
    def validation(self) -> Path:
        """Folder of the validation data."""
        return self.path / "validation"

    @property
    def test(self) -> Path:
        """Folder of the test data."""
        return self.path / "test"

    def split(self, name: Split) -> Path:
        """Folder of a split."""
        return self.path / name


def prepare_data(
    task: Task, size: str, *, seed: int | None = None, root: Path | None = None
) -> DataFolder:
    """Return the data of a task at a size; they are made if they are not there.

    Args:
        task: the task.
        size: name of a size.
        seed: of the data; None for one that the machine draws once and keeps with the data.
        root: folder of all prepared data; `design` in the cache of this package by default.

    Raises:
        InputError: E1208, the data in the folder are damaged; E1205, prepare.py fails.
        AiraError: what prepare.py raises.
        RunError: E0904, files cannot be written.
    """
    chosen = task.size(size)
    origin = _origin(task, chosen)
    label = "drawn" if seed is None else f"seed{seed}"
    folder = (root or cache_folder() / "design") / f"{task.name}-{size}-{label}-{origin}"
    if not folder.exists():
        _make(task, size, seed, folder, origin)
    return read_data(folder)


def read_data(folder: Path) -> DataFolder:
    """Open prepared data.

    Raises:
        InputError: E1208, a file is missing or has another size, or the record is damaged.
    """
    try:
        record = DataRecord.model_validate_json((folder / _RECORD).read_bytes())
    except (OSError, ValidationError) as error:
        raise _damaged(folder, f"{_RECORD} is missing or damaged") from error
    if (found := _sizes(folder)) != record.files:
        changed = sorted({*found.items()} ^ {*record.files.items()})[0][0]
        raise _damaged(folder, f"{changed} is missing, new, or has another size")
    return DataFolder(folder, record.seed)


def _origin(task: Task, size: Size) -> str:
    """Identify what decides the data, beside the seed."""
    settings = json.dumps(size.settings, sort_keys=True)
    content = (task.folder / PREPARE).read_bytes() + settings.encode()
    made_from = getattr(task.module(PREPARE), "made_from", None)
    if made_from is not None:
        with reporting(f"{task.folder / PREPARE} failed"):
            content += repr(_called(task, _states, made_from, size)).encode()
    return hashlib.sha256(content).hexdigest()[:12]


def _states(made_from: Callable[[Size], Iterable[str | Path]], size: Size) -> list[object]:
    return [_state(part) for part in made_from(size)]


def _state(part: str | Path) -> object:
    """Return what identifies a part: the text, or names, sizes and times of files."""
    if isinstance(part, str):
        return part
    files = sorted(part.rglob("*")) if part.is_dir() else [part]
    return [(str(file), (status := file.stat()).st_size, status.st_mtime_ns) for file in files]


def _called(task: Task, function: Callable[..., Any], *arguments: object) -> Any:
    """Call a function of prepare.py; what it raises is a failure of the task, but for a full disk.

    Raises:
        OSError: there is no room for a file.
    """
    try:
        return function(*arguments)
    except AiraError:
        raise
    except (Exception, SystemExit) as error:  # whatever a user's file raises
        if isinstance(error, OSError) and _is_full(error):
            raise
        raise failed(task.folder / PREPARE, error) from error


def _is_full(error: OSError) -> bool:
    """Return whether a file could not be written for want of room; numpy gives no error number."""
    return error.errno in _FULL or _SHORT.fullmatch(str(error)) is not None


def _make(task: Task, size: str, seed: int | None, folder: Path, origin: str) -> None:
    """Fill a temporary folder and rename it; of two processes that do so, one is enough."""
    # 63 bits: with fewer, a candidate could try them all until its training data come out.
    drawn = int.from_bytes(os.urandom(8)) >> 1 if seed is None else seed
    with reporting(f"the data of {task.name} cannot be written to {folder.parent}"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
        try:
            _fill(task, size, seed, DataFolder(made, drawn), origin)
            if not folder.exists():
                made.rename(folder)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _fill(task: Task, size: str, seed: int | None, data: DataFolder, origin: str) -> None:
    """Make data.

    Raises:
        OSError: there is no room for a file.
    """
    for place in (data.train, data.validation, data.test):
        place.mkdir()
    _run(task, task.size(size), data)
    record = DataRecord(
        task=task.name,
        size=size,
        seed=data.seed,
        seed_given=seed is not None,
        origin=origin,
        files=_sizes(data.path),
    )
    replace_file(data.path / _RECORD, record.model_dump_json(indent=1).encode() + b"\n")


def _run(task: Task, size: Size, data: DataFolder) -> None:
    """Call the task's `prepare`, and check that it wrote training and validation data."""
    _called(task, task.function(PREPARE, "prepare"), size, data)
    for place in (data.train, data.validation):
        if not any(place.iterdir()):
            raise InputError("E1205", f"{task.folder / PREPARE} wrote no file into {place.name}/")


def _sizes(folder: Path) -> dict[str, int]:
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    return {
        path.relative_to(folder).as_posix(): path.stat().st_size
        for path in files
        if path.name != _RECORD
    }


def _damaged(folder: Path, reason: str) -> InputError:
    return InputError(
        "E1208",
        f"the data in {folder} cannot be used: {reason}",
        help="delete the folder; it is made again when it is needed",
    )
