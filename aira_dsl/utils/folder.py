"""Result folders: locked, of one kind, and never mixed with foreign files.

A result folder belongs to one job (a search, a comparison, a calibration). It is known by its
settings file, which describes the job, or by the names of its files. One process at a time works in
it. Files in it are written in one step.
"""

import json
import shutil
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from types import TracebackType
from typing import IO, Any, Self

from aira_dsl.errors import InputError, RunError
from aira_dsl.utils.files import TEMPORARY, write_atomically
from aira_dsl.utils.locking import acquire

LOCK = ".lock"

Settings = Mapping[str, Any]


@dataclass(frozen=True)
class SettingsFile:
    """The file that describes the job of a folder.

    Attributes:
        name: its name.
        other: code of the refusal of other settings.
        damaged: code of the refusal of a damaged file.
        differences: names what differs between the settings in the folder and the wanted ones.
    """

    name: str
    other: str
    damaged: str
    differences: Callable[[dict[str, Any], dict[str, Any]], list[str]]


@dataclass(frozen=True)
class FolderKind:
    """A kind of result folder.

    Attributes:
        job: what runs in it, such as `search`.
        busy: code of the refusal of a folder in use.
        foreign: code of the refusal of a file, and of a folder with other content.
        files: names of all files and folders that a job of this kind writes, or patterns such as
            `best_*`. A folder without a settings file may hold no others; in one with a settings
            file others stay when the job is replaced.
        settings: the settings file; None if the folder is known by its files.
        subfolders: names of folders that it always has.
        busy_help: what to do about a folder in use.
    """

    job: str
    busy: str
    foreign: str
    files: frozenset[str]
    settings: SettingsFile | None = None
    subfolders: tuple[str, ...] = ()
    busy_help: str = "wait for it, or choose another folder with --out"

    def writes(self, name: str) -> bool:
        """Return whether a job of this kind writes a file or folder of this name."""
        return any(fnmatchcase(name, pattern) for pattern in self.files)


class ResultFolder:
    """A locked result folder; unlocked by `close`, by `with`, or with the process.

    Files that a killed process left half written are removed.

    Args:
        path: the folder; made if missing.
        kind: kind of the folder.
        settings: JSON description of the job, for kinds with a settings file; written if the
            folder has none.
        force: replace the job that is there.

    Raises:
        InputError: `kind.busy` if another process works in the folder, `kind.foreign` if it is a
            file or holds something else; of the settings file, `other` if the folder holds a job
            with other settings, `damaged` if the file cannot be read.
        RunError: E0904 if it cannot be written.
    """

    def __init__(
        self,
        path: str | Path,
        kind: FolderKind,
        settings: Settings | None = None,
        *,
        force: bool = False,
    ) -> None:
        self.path = Path(path)
        self._kind = kind
        self._lock: IO[str] | None = None
        try:
            with _coded_errors(self.path):
                _check_content(self.path, kind)
                self.path.mkdir(parents=True, exist_ok=True)
                self._lock = self._acquire()
                self._clean(everything=force)
                for name in kind.subfolders:
                    (self.path / name).mkdir(exist_ok=True)
                if kind.settings is not None:
                    self._check_settings(kind.settings, json.loads(json.dumps(settings)))
        except BaseException:
            self.close()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def write(self, name: str, content: str | bytes) -> None:
        """Write a file of the folder in one step.

        Raises:
            RunError: E0904 if it cannot be written.
        """
        write_atomically(self.path / name, content)

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _acquire(self) -> IO[str]:
        if (lock := acquire(self.path / LOCK)) is None:
            raise InputError(
                self._kind.busy,
                f"another {self._kind.job} is running in {self.path}",
                help=self._kind.busy_help,
            )
        return lock

    def _clean(self, *, everything: bool) -> None:
        """Remove what killed writes left here and one level below, or also the job itself."""
        entries = [*self.path.glob(f"{TEMPORARY}*"), *self.path.glob(f"*/{TEMPORARY}*")]
        if everything:
            entries += [each for each in self.path.iterdir() if self._kind.writes(each.name)]
        for entry in dict.fromkeys(entries):
            if entry.name != LOCK and entry.exists():
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()

    def _check_settings(self, kind: SettingsFile, wanted: dict[str, Any]) -> None:
        """Write the settings of a new job; compare those of an old one."""
        file = self.path / kind.name
        if not file.exists():
            self.write(file.name, json.dumps(wanted, indent=2, ensure_ascii=False) + "\n")
            return
        try:
            different = kind.differences(json.loads(file.read_bytes()), wanted)
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                kind.damaged,
                f"{file} is damaged",
                help="choose another folder with --out, or replace what is there with --force",
            ) from None
        if different:
            raise InputError(
                kind.other,
                f"{self.path} holds a {self._kind.job} with other settings; "
                f"different: {'; '.join(different)}",
                help="choose another folder with --out, or replace what is there with --force",
            )


def require_place(path: str | Path, kind: FolderKind) -> None:
    """Refuse a place where a job cannot have its folder; for before work that takes long.

    Raises:
        InputError: `kind.foreign` if it is a file or a folder that holds something else.
        RunError: E0904 if it cannot be read.
    """
    with _coded_errors(Path(path)):
        _check_content(Path(path), kind)


def _check_content(path: Path, kind: FolderKind) -> None:
    """Refuse a file, and a folder with content that no job of this kind has made."""
    if not path.exists():
        return
    if not path.is_dir():
        raise _foreign(kind, f"{path} is a file, not a folder")
    names = {entry.name for entry in path.iterdir()}
    known = {LOCK, *kind.subfolders}  # a killed start leaves no more than these
    content = {name for name in names - known if not name.startswith(TEMPORARY)}
    if not _is_of(kind, content):
        raise _foreign(kind, f"{path} is not empty and holds no {kind.job}")


def _is_of(kind: FolderKind, content: set[str]) -> bool:
    if kind.settings is None:
        return all(map(kind.writes, content))
    return not content or kind.settings.name in content


def _foreign(kind: FolderKind, reason: str) -> InputError:
    return InputError(kind.foreign, reason, help="choose another folder with --out")


@contextmanager
def _coded_errors(path: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise RunError(
            "E0904",
            f"the folder {path} cannot be written: {error.strerror}",
            help="choose another folder with --out",
        ) from None
