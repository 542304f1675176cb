"""The folder of a scaling fit: numbers and pictures."""

import json
from pathlib import Path
from typing import Literal

from aira_dsl.report.isoflop_figures import frontier, isoflop_curves, latency_curves
from aira_dsl.report.terminal.isoflop import isoflop_json
from aira_dsl.scaling.isoflop.analysis import Analysis
from aira_dsl.utils.files import OutputKind, write_folder

NUMBERS, CURVES, FRONTIER, LATENCY = "fit.json", "isoflops.png", "frontier.png", "latency.png"
FOLDER = OutputKind(
    name="the folder of an isoFLOP fit",
    content="another fit",
    files=frozenset({NUMBERS, CURVES, FRONTIER, LATENCY}),
)


def write_fit(
    analysis: Analysis, folder: Path, *, force: bool = False
) -> Literal["written", "unchanged"]:
    """Write the numbers and the pictures of a fit into a folder.

    Raises:
        InputError: E0503, the folder holds something else, or another fit without `force`.
        RunError: E0904, it cannot be written.
    """

    def write(made: Path) -> None:
        numbers = json.dumps(isoflop_json(analysis), indent=1, ensure_ascii=False) + "\n"
        (made / NUMBERS).write_text(numbers, encoding="utf-8")
        (made / CURVES).write_bytes(isoflop_curves(analysis))
        (made / FRONTIER).write_bytes(frontier(analysis))
        if analysis.compared is not None and analysis.compared.latencies:
            (made / LATENCY).write_bytes(latency_curves(analysis.compared.latencies))

    return write_folder(folder, FOLDER, write, force=force)
