"""The run folder of a search: its settings, its study, its result files.

settings.json     settings of the search
trials.csv, .json one row a trial
best.arch         the best architecture; best_2.arch … the next ones
best_so_far.png   the picture, and report.html the page (made by `aira_dsl.report`)
study.db          the Optuna study (unless it is in a database elsewhere)
noise.json        the noise of a score near the best one, and where it was measured
clock.json        seconds used so far: by the wall clock, and charged (see `study.clock`)
"""

import json
import math
from pathlib import Path
from typing import Any
from urllib.parse import quote

from aira_dsl.errors import InputError
from aira_dsl.study.clock import Clock
from aira_dsl.study.settings import RunSettings, SearchSettings
from aira_dsl.utils.folder import FolderKind, ResultFolder, SettingsFile

FORMAT = 1
"""Version of `settings.json` and `trials.json`."""

SETTINGS = "settings.json"
TRIALS = "trials.json"
STUDY = "study.db"
CLOCK = "clock.json"


class RunFolder(ResultFolder):
    """A locked run folder.

    Args:
        path: the folder; made if missing.
        settings: the search it belongs to.
        force: replace a finished or different run that is there.

    Raises:
        InputError: E0801 if another search is running in it, E0802 if it holds a search with other
            settings, E0803 if it holds something else, E0804 if its settings are damaged.
        RunError: E0904 if it cannot be written.
    """

    def __init__(self, path: str | Path, settings: RunSettings, *, force: bool = False) -> None:
        content = {"format": FORMAT, **settings.model_dump(mode="json")}
        if not isinstance(settings, SearchSettings):  # searches are the runs without a kind
            content["kind"] = settings.kind
        super().__init__(path, KIND, content, force=force)

    @property
    def storage_url(self) -> str:
        """Address of the study in this folder."""
        return "sqlite:///" + quote(str(self.path.absolute() / STUDY))  # `?` would end the path

    def clock(self) -> Clock:
        """Return the seconds of all sessions so far, and start a further one.

        Raises:
            InputError: E0804 if `clock.json` is damaged.
        """
        try:
            return Clock(*read_clock(self.path))
        except ValueError:
            raise InputError(
                "E0804",
                f"{self.path / CLOCK} is damaged",
                help="choose another folder with --out, or start again with --force",
            ) from None

    def write_clock(self, seconds: float, charged_seconds: float) -> None:
        """Write the seconds used so far."""
        used = {"seconds": round(seconds, 1), "charged_seconds": round(charged_seconds, 1)}
        self.write(CLOCK, json.dumps(used) + "\n")

    def check_study(self) -> None:
        """Refuse results without the study that they were made from: it would be started again.

        Raises:
            InputError: E0804 if `study.db` is missing or empty although there are trials.
        """
        study = self.path / STUDY
        has_trials = (self.path / TRIALS).exists() or (self.path / CLOCK).exists()
        if has_trials and not (study.exists() and study.stat().st_size):
            raise InputError(
                "E0804",
                f"{study} is {'empty' if study.exists() else 'missing'}, "
                f"but {self.path} holds the results of a search",
                help="put the file back, choose another folder with --out, or replace the results "
                "with --force",
            )


def kept_sampler(folder: Path) -> str | None:
    """Return the sampler of the search in a folder; None if there is no search by a sampler."""
    try:
        sampler = json.loads((folder / SETTINGS).read_bytes()).get("sampler")
    except (OSError, ValueError, AttributeError):
        return None
    return sampler if isinstance(sampler, str) else None


def read_clock(folder: Path) -> tuple[float, float]:
    """Return the wall-clock and the charged seconds of a run folder; 0 without its clock file.

    Raises:
        ValueError: the file is damaged.
    """
    try:
        used = json.loads((folder / CLOCK).read_bytes())
        values = used["seconds"], used.get("charged_seconds", used["seconds"])
    except FileNotFoundError:
        return 0.0, 0.0
    except (KeyError, TypeError, AttributeError):
        raise ValueError("no seconds") from None
    for value in values:
        if not isinstance(value, int | float) or not math.isfinite(value) or value < 0:
            raise ValueError(f"seconds {value!r}")
    return float(values[0]), float(values[1])


def _differences(present: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    if present["format"] != FORMAT:
        return [f"format {present['format']}, not {FORMAT}"]
    kinds = [content.get("kind", "search") for content in (present, wanted)]
    if kinds[0] != kinds[1]:  # few of their settings have the same names
        return [f"kind {kinds[0]}, not {kinds[1]}"]
    # `evaluator` is spelled out for people; `evaluator_identity` says whether it is the same.
    keys = (wanted | present).keys() - {"evaluator"}
    return sorted(key for key in keys if wanted.get(key) != present.get(key))


KIND = FolderKind(
    job="search",
    busy="E0801",
    foreign="E0803",
    files=frozenset(
        {SETTINGS, "trials.*", "best", "best.arch", "best_[0-9]*", "best_so_far.png", "report.*"}
        | {f"{STUDY}*", "noise.json", CLOCK, "artifacts", "dialogues"}
        # Of runs that write code:
        | {"baseline.json", "task.json", "results.tsv", "start", "candidates"}
    ),
    settings=SettingsFile(SETTINGS, other="E0802", damaged="E0804", differences=_differences),
    busy_help="wait for it, or choose another folder with --out; "
    "for more processes in one search use --workers",
)
