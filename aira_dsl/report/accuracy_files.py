"""The folder of an evaluation on tasks."""

import json
from pathlib import Path
from typing import Literal

from aira_dsl.evaluation.accuracy.result import Accuracy
from aira_dsl.report.terminal.accuracy import accuracy_text
from aira_dsl.utils.files import OutputKind, require_consent, require_replaceable, write_folder

RESULTS, TABLE = "results.json", "table.txt"
FOLDER = OutputKind(
    "a folder of evaluation results", "another evaluation", frozenset({RESULTS, TABLE})
)


def require_place(folder: Path, *, force: bool = False) -> None:
    """Raise InputError E0503 if the folder holds something else, or results without `force`."""
    require_replaceable(folder.resolve(), FOLDER)
    require_consent(folder, FOLDER, force)


def write_accuracy(
    found: Accuracy, folder: Path, *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Write results.json and table.txt.

    Raises:
        InputError: E0503, the folder holds something else, or other results without `force`.
        RunError: E0904, it cannot be written.
    """

    def write(made: Path) -> None:
        content = json.dumps(found.as_json(), indent=1, ensure_ascii=False) + "\n"
        (made / RESULTS).write_text(content, encoding="utf-8")
        (made / TABLE).write_text(accuracy_text(found), encoding="utf-8")

    return write_folder(folder, FOLDER, write, force=force)
