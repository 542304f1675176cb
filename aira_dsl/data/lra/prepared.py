"""Data of a task as files: made once, found again by the settings, checked before every use.

    FOLDER/manifest.json
    FOLDER/train/{inputs,lengths,labels}.npy
    FOLDER/validation/{inputs,lengths}.npy
    FOLDER/test/{inputs,lengths}.npy
    FOLDER/answers/{validation,test}/labels.npy

`train`, `validation` and `test` can be shown to a candidate: no label that it is scored by is in
them. The files are plain arrays; nothing is pickled.
"""

import hashlib
import json
import os
import shutil
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.data.lra.settings import LraSettings
from aira_dsl.data.lra.split import SPLITS, Split, SplitName
from aira_dsl.errors import InputError
from aira_dsl.utils.checksummed import (
    not_valid,
    read_bytes,
    read_checksummed_json,
    write_checksummed_json,
)
from aira_dsl.utils.files import TEMPORARY, cache_folder, reporting

_KIND = "task data manifest"
_MANIFEST = "manifest.json"


class FileRecord(BaseModel):
    """Size in bytes and SHA-256 of one file."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    size: int
    sha256: str


class Manifest(BaseModel):
    """What a folder of prepared data holds.

    Attributes:
        task: name of the task.
        source: `generated`, a data set such as `imdb`, or `stand-in: …`.
        seed: of everything that was drawn.
        identity: all that decides the examples.
        vocabulary: number of token ids, 0 for padding included.
        classes: number of classes.
        positions: width L of the input arrays.
        examples: examples of each split.
        files: every file, by its path in the folder.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: str
    source: str
    seed: int
    identity: dict[str, Any]
    vocabulary: int
    classes: int
    positions: int
    examples: dict[SplitName, int]
    files: dict[str, FileRecord]


@dataclass(frozen=True)
class PreparedData:
    """A folder of prepared data that was checked."""

    folder: Path
    manifest: Manifest

    def shown(self, split: SplitName) -> Path:
        """Return the folder of a split that may be shown to a candidate."""
        return self.folder / split

    def labels(self, split: SplitName) -> NDArray[np.uint8]:
        """Return the classes (N,) of a split."""
        labels_N: NDArray[np.uint8] = np.load(self.folder / _labels(split), allow_pickle=False)
        return labels_N

    def split(self, split: SplitName) -> Split:
        """Return a split with its labels; inputs are mapped, not read."""
        folder = self.shown(split)
        return Split(
            np.load(folder / "inputs.npy", mmap_mode="r", allow_pickle=False),
            np.load(folder / "lengths.npy", allow_pickle=False),
            self.labels(split),
        )


def prepare(settings: LraSettings, *, root: Path | None = None) -> PreparedData:
    """Return the data of a task, made if they are not there.

    Args:
        settings: of the task and its size.
        root: folder of all prepared data; `lra` in the cache of this package by default.

    Raises:
        InputError: E0641 or E0651 if prepared data are damaged; E0611 if there are too few
            different examples; for data sets and corpora, the errors of their readers.
        RunError: E0904 if the files cannot be written.
    """
    identity = settings.identity()
    text = json.dumps(identity, sort_keys=True)
    key = hashlib.sha256(text.encode()).hexdigest()[:16]
    folder = (root or cache_folder() / "lra") / f"{settings.name}-{key}"
    if not folder.exists():
        _make(settings, identity, folder)
    return read_prepared(folder)


def read_prepared(folder: Path) -> PreparedData:
    """Open prepared data and check every file.

    Raises:
        InputError: E0641 for the manifest, E0651 for a file that is missing, cut or changed.
        UsageError: E0644 if the folder has no manifest that can be read.
    """
    path = folder / _MANIFEST
    try:
        content = read_checksummed_json(str(path), read_bytes(path), _KIND)
        manifest = Manifest.model_validate(content)
    except ValidationError as error:
        raise not_valid(str(path), _KIND, "its fields are not those of a manifest") from error
    for name, record in manifest.files.items():
        _check(folder, name, record)
    return PreparedData(folder, manifest)


def _make(settings: LraSettings, identity: dict[str, object], folder: Path) -> None:
    """Fill a temporary folder and rename it; of two processes that do so, one is enough."""
    with reporting(f"{folder} cannot be written"):
        folder.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=folder.parent))
    try:
        for split, examples in settings.splits():
            with reporting(f"{folder} cannot be written"):
                _write_split(made, split, examples)
        files = {name: _record(made / name) for name in sorted(_files(made))}
        _write_manifest(made / _MANIFEST, settings, identity, files)
        made.chmod(0o755)
        with reporting(f"{folder} cannot be written"):
            if not folder.exists():
                os.rename(made, folder)
    finally:
        shutil.rmtree(made, ignore_errors=True)


def _write_split(made: Path, split: SplitName, examples: Split) -> None:
    for name, array in (
        (f"{split}/inputs.npy", examples.inputs),
        (f"{split}/lengths.npy", examples.lengths),
        (_labels(split), examples.labels),
    ):
        (made / name).parent.mkdir(parents=True, exist_ok=True)
        np.save(made / name, array, allow_pickle=False)


def _write_manifest(
    path: Path,
    settings: LraSettings,
    identity: dict[str, object],
    files: dict[str, FileRecord],
) -> None:
    manifest = Manifest(
        task=settings.name,
        source=settings.origin,
        seed=settings.seed,
        identity=identity,
        vocabulary=settings.vocabulary,
        classes=settings.classes,
        positions=settings.positions,
        examples=settings.counts,
        files=files,
    )
    write_checksummed_json(path, _KIND, manifest.model_dump(mode="json"))


def _labels(split: SplitName) -> str:
    return "train/labels.npy" if split == "train" else f"answers/{split}/labels.npy"


def _files(folder: Path) -> Iterator[str]:
    for split in SPLITS:
        yield from (f"{split}/inputs.npy", f"{split}/lengths.npy", _labels(split))


def _record(path: Path) -> FileRecord:
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256")
    return FileRecord(size=path.stat().st_size, sha256=digest.hexdigest())


def _check(folder: Path, name: str, record: FileRecord) -> None:
    path = folder / name
    try:
        size = path.stat().st_size
        if size != record.size:
            reason = f"it has {size:,} bytes instead of {record.size:,}"
        elif _record(path).sha256 != record.sha256:
            reason = "its checksum is wrong"
        else:
            return
    except OSError as error:
        reason = error.strerror or str(error)
    raise InputError(
        "E0651",
        f"prepared data are damaged: {path}: {reason}",
        help=f"delete the folder {folder}; it is made again when it is needed",
    )
