"""The folder of a comparison.

    comparison-settings.json   what was asked for
    finished.json              searches that are done
    runs/                      the run folder of each search, and beside it what it printed (.log)
    comparison.json            the verdict; its other forms are drawn by `aira_dsl.report`

One process at a time: the folder is locked while a comparison runs in it.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import IO, Any

from aira_dsl.errors import InputError, RunError
from aira_dsl.experiments.comparison.compatibility import differences
from aira_dsl.utils.files import LOCK, TEMPORARY, clear_folder, lock_folder, write_atomically

SETTINGS = "comparison-settings.json"
FINISHED = "finished.json"
FORMAT = 1


class ComparisonFolder:
    """A locked folder.

    Args:
        path: the folder; made if missing.
        asked: what was asked for, as JSON holds it.
        force: replace another comparison that is there.

    Raises:
        InputError: E0826 if another comparison is running in it, E0827 if it holds one with other
            settings, E0828 if it is something else.
        RunError: E0904 if it can not be written.
    """

    def __init__(self, path: Path, asked: Mapping[str, Any], *, force: bool = False) -> None:
        self.path = path
        self._lock: IO[str] | None = None
        try:
            self._refuse_strangers()
            (path / "runs").mkdir(parents=True, exist_ok=True)
            self._lock = self._acquire()
            if force:
                self._clear()
            self._settle({"format": FORMAT, **asked})
        except OSError as error:
            self.close()
            raise RunError(
                "E0904",
                f"the folder {path} can not be written: {error.strerror}",
                help="choose another folder with --out",
            ) from None
        except InputError:
            self.close()
            raise

    def run(self, name: str) -> Path:
        """Return the run folder of a search."""
        return self.path / "runs" / name

    @property
    def finished(self) -> list[str]:
        """Names of the searches that are done; none, if the file that tells is damaged."""
        try:
            return [str(name) for name in json.loads((self.path / FINISHED).read_text())]
        except (OSError, ValueError, TypeError):
            return []  # a search that is done says so at once when it is started again

    def note_finished(self, name: str) -> None:
        """Write down that a search is done."""
        names = sorted({*self.finished, name})
        write_atomically(self.path / FINISHED, json.dumps(names, indent=1) + "\n")

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _refuse_strangers(self) -> None:
        """Never touch a folder that was not made by a comparison."""
        if self.path.exists() and not self.path.is_dir():
            raise _strange(f"{self.path} is a file, not a folder")
        if self.path.is_dir():
            names = {entry.name for entry in self.path.iterdir()}
            # A process that was killed right at the start leaves no more than these.
            content = {n for n in names if not n.startswith(TEMPORARY)} - {LOCK, "runs"}
            if content and SETTINGS not in names:
                raise _strange(f"{self.path} is not empty and holds no comparison")

    def _acquire(self) -> IO[str]:
        if (lock := lock_folder(self.path)) is None:
            raise InputError(
                "E0826",
                f"another comparison is running in {self.path}",
                help="wait for it, or choose another folder with --out",
            )
        return lock

    def _clear(self) -> None:
        clear_folder(self.path)
        (self.path / "runs").mkdir()

    def _settle(self, asked: dict[str, Any]) -> None:
        """Write what was asked for; compare it with what an earlier session was asked for."""
        file = self.path / SETTINGS
        if not file.exists():
            write_atomically(file, json.dumps(asked, indent=2, ensure_ascii=False) + "\n")
            return
        try:
            present = json.loads(file.read_text())
            found = differences(present, json.loads(json.dumps(asked)))
        except (ValueError, AttributeError, TypeError):
            raise _strange(f"{file} is damaged") from None
        if found:
            raise InputError(
                "E0827",
                f"{self.path} holds a comparison with other settings (the one there first): "
                + "; ".join(found),
                help="choose another folder with --out, or replace that comparison with --force",
            )


def _strange(what: str) -> InputError:
    return InputError("E0828", what, help="choose another folder with --out")
