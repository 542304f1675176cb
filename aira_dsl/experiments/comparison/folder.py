"""The folder of a comparison.

comparison-settings.json   settings of the comparison
finished.json              names of the searches that are done
runs/                      the run folder of each search, and its output (.log)
comparison.json            the analysis; `aira_dsl.report` writes its other forms
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aira_dsl.experiments.comparison.compatibility import differences
from aira_dsl.utils.folder import FolderKind, ResultFolder, SettingsFile

FINISHED = "finished.json"
RUNS = "runs"
FORMAT = 1

_KIND = FolderKind(
    job="comparison",
    busy="E0826",
    foreign="E0828",
    settings=SettingsFile(
        "comparison-settings.json", other="E0827", damaged="E0828", differences=differences
    ),
    subfolders=(RUNS,),
)


class ComparisonFolder(ResultFolder):
    """A locked folder of a comparison.

    Args:
        path: the folder; made if missing.
        settings: JSON description of the comparison.
        force: replace another comparison that is there.

    Raises:
        InputError: E0826 if another comparison is running in it, E0827 if it holds one with other
            settings, E0828 if it is something else.
        RunError: E0904 if it cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        super().__init__(path, _KIND, {"format": FORMAT, **settings}, force=force)

    def run(self, name: str) -> Path:
        """Return the run folder of a search."""
        return self.path / RUNS / name

    @property
    def finished(self) -> list[str]:
        """Names of the searches that are done; none if the file is damaged."""
        try:
            return [str(name) for name in json.loads((self.path / FINISHED).read_bytes())]
        except (OSError, ValueError, TypeError):
            return []  # a finished search that is started again ends at once

    def add_finished(self, name: str) -> None:
        """Record that a search is done."""
        names = sorted({*self.finished, name})
        self.write(FINISHED, json.dumps(names, indent=1) + "\n")
