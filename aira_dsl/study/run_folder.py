"""The run folder: everything a search leaves behind, written so that nothing is ever half there.

    settings.json     what was asked for
    trials.csv, .json one row a trial
    best.arch         the best architecture, best_2.arch … the next ones
    best_so_far.png   the picture, and report.html the page (made by `aira_dsl.report`)
    study.db          the Optuna study (unless it lives in a database elsewhere)
    clock.json        wall-clock seconds used so far

One process at a time: the folder is locked while a search runs in it.
"""

import json
from pathlib import Path
from typing import IO, Any

from aira_dsl.errors import InputError, RunError
from aira_dsl.study.settings import SearchSettings
from aira_dsl.utils.files import LOCK, TEMPORARY, clear_folder, lock_folder, write_atomically

FORMAT = 1


class RunFolder:
    """A locked run folder.

    Args:
        path: the folder; made if missing.
        settings: the search it belongs to.
        force: replace a finished or different run that is there.

    Raises:
        InputError: E0801 if another search is running in it, E0802 if it holds a search with other
            settings, E0803 if it holds something that is no run, E0804 if its settings are damaged.
        RunError: E0904 if it can not be written.
    """

    def __init__(self, path: str | Path, settings: SearchSettings, *, force: bool = False) -> None:
        self.path = Path(path)
        self._lock: IO[str] | None = None
        try:
            self._refuse_strangers()
            self.path.mkdir(parents=True, exist_ok=True)
            self._lock = self._acquire()
            if force:
                clear_folder(self.path)
            self._settle(settings)
        except OSError as error:
            self.close()
            raise RunError(
                "E0904",
                f"the run folder {self.path} can not be written: {error.strerror}",
                help="choose another folder with --out",
            ) from None
        except InputError:
            self.close()
            raise

    @property
    def storage_url(self) -> str:
        """Address of the study that lives in this folder."""
        return f"sqlite:///{self.path.absolute() / 'study.db'}"

    @property
    def seconds_used(self) -> float:
        """Wall-clock seconds of all sessions so far."""
        try:
            return float(json.loads((self.path / "clock.json").read_text())["seconds"])
        except (FileNotFoundError, ValueError, KeyError):
            return 0.0

    def keep_time(self, seconds: float) -> None:
        """Write down the seconds used so far."""
        self.write("clock.json", json.dumps({"seconds": round(seconds, 1)}) + "\n")

    def write(self, name: str, text: str) -> None:
        """Write a file of the folder in one step.

        Raises:
            RunError: E0904, if it can not be written.
        """
        write_atomically(self.path / name, text)

    def close(self) -> None:
        """Unlock the folder."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _refuse_strangers(self) -> None:
        """Never touch a folder that was not made by a search."""
        if self.path.exists() and not self.path.is_dir():
            raise InputError(
                "E0803", f"{self.path} is a file, not a folder", help="choose another --out"
            )
        if self.path.is_dir():
            names = {entry.name for entry in self.path.iterdir()} - {LOCK}
            content = {name for name in names if not name.startswith(TEMPORARY)}
            if content and "settings.json" not in content:
                raise InputError(
                    "E0803",
                    f"{self.path} is not empty and holds no search",
                    help="choose another folder with --out",
                )

    def _acquire(self) -> IO[str]:
        if (lock := lock_folder(self.path)) is None:
            raise InputError(
                "E0801",
                f"another search is running in {self.path}",
                help="wait for it, or choose another folder with --out; "
                "for more processes in one search use --workers",
            )
        return lock

    def _settle(self, settings: SearchSettings) -> None:
        """Write the settings of a new run; compare those of an old one."""
        file = self.path / "settings.json"
        wanted: dict[str, Any] = settings.model_dump(mode="json")
        if not file.exists():
            self.write(file.name, _as_text({"format": FORMAT, **wanted}))
            return
        try:
            present = json.loads(file.read_text())
            present_format = present.pop("format")
        except (ValueError, KeyError, TypeError, AttributeError):
            raise InputError(
                "E0804",
                f"{file} is damaged",
                help="choose another folder with --out, or start anew with --force",
            ) from None
        # `evaluator` is spelled out for people; `evaluator_identity` says whether it is the same.
        keys = (wanted | present).keys() - {"evaluator"}
        differing = sorted(key for key in keys if wanted.get(key) != present.get(key))
        if present_format != FORMAT:
            differing = [f"format {present_format}, not {FORMAT}"]
        if differing:
            raise InputError(
                "E0802",
                f"{self.path} holds another search; different: {', '.join(differing)}",
                help="choose another folder with --out, or replace that search with --force",
            )


def _as_text(value: dict[str, Any]) -> str:
    return json.dumps(value, indent=2, ensure_ascii=False) + "\n"
