"""The folder of a comparison.

comparison-settings.json   settings of the comparison
finished.json              names of the searches that are done
runs/                      the run folder of each search, and its output (.log)
comparison.json            the analysis; `aira_dsl.report` writes its other forms
"""

import json
import math
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from aira_dsl.experiments.comparison.compatibility import differences
from aira_dsl.utils.folder import FolderKind, ResultFolder, SettingsFile

FINISHED = "finished.json"
RUNS = "runs"
SETTINGS = "comparison-settings.json"
REPORT = ("curves.csv", "curves.png", "methods.csv", "report.html", "report.json")
"""What `aira_dsl.report` writes beside `comparison.json`."""
FORMAT = 2
_GROWING = ("format", "methods", "seeds", "max_usd_per_run")


class ComparisonFolder(ResultFolder):
    """A locked folder of a comparison.

    Args:
        path: the folder; made if missing.
        settings: JSON description of the comparison; more methods and seeds extend the one that is
            there.
        force: replace another comparison that is there.

    Raises:
        InputError: E0826 if another comparison is running in it, E0827 if it holds one with other
            settings, E0828 if it is something else.
        RunError: E0904 if it cannot be written.
    """

    def __init__(self, path: Path, settings: Mapping[str, Any], *, force: bool = False) -> None:
        known = {"format": FORMAT, **settings}
        super().__init__(path, KIND, known, force=force)
        self.write(SETTINGS, json.dumps(known, indent=2, ensure_ascii=False) + "\n")

    def run(self, name: str) -> Path:
        """Return the run folder of a search."""
        return self.path / RUNS / name

    @property
    def finished(self) -> list[str]:
        """Names of the searches that are done."""
        return finished_in(self.path)

    def add_finished(self, name: str) -> None:
        """Record that a search is done."""
        names = sorted({*self.finished, name})
        self.write(FINISHED, json.dumps(names, indent=1) + "\n")


def _not_extended(present: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Name what keeps a comparison from being an extension of the one that is there."""
    if present["format"] != FORMAT:
        return [f"format {present['format']}, not {FORMAT}"]
    found = differences(
        *({k: v for k, v in x.items() if k not in _GROWING} for x in (present, wanted))
    )
    have, want = present.get("methods", {}), wanted.get("methods", {})
    for name, method in have.items():
        if name not in want:
            found.append(f"methods: {name!r} is left out")
        else:
            found += [f"{name} {text}" for text in differences(method, want[name])]
    if present.get("seeds", 0) > wanted.get("seeds", 0):
        found.append(f"seeds: {present['seeds']} and {wanted['seeds']}")
    return found + _other_share(present, wanted)


def _other_share(present: dict[str, Any], wanted: dict[str, Any]) -> list[str]:
    """Tell if each run of an agent gets more or less money than those that are there."""
    have, want = present.get("max_usd_per_run"), wanted.get("max_usd_per_run")
    if not any(present.get("methods", {}).values()):
        return []  # there is no agent yet
    if have == want or (have and want and math.isclose(have, want, rel_tol=0.001)):
        return []
    shares = " and ".join("no limit" if each is None else f"${each:.4g}" for each in (have, want))
    agents = sum(map(bool, wanted["methods"].values()))
    keep = f"give --max-usd {have * agents * wanted['seeds']:.4g}" if have else "omit --max-usd"
    return [f"max usd of each run of an agent: {shares} ({keep} to extend)"]


def finished_in(path: Path) -> list[str]:
    """Return the names of the searches that are done in a folder; none if the file is damaged."""
    try:
        return [str(name) for name in json.loads((path / FINISHED).read_bytes())]
    except (OSError, ValueError, TypeError):
        return []  # a finished search that is started again ends at once


KIND = FolderKind(
    job="comparison",
    busy="E0826",
    foreign="E0828",
    files=frozenset({SETTINGS, FINISHED, RUNS, "comparison.json", *REPORT}),
    settings=SettingsFile(SETTINGS, other="E0827", damaged="E0828", differences=_not_extended),
    subfolders=(RUNS,),
)
