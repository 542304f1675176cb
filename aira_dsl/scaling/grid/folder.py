"""The folder of a grid: its plan, the folders of its runs, and tables of results.

FOLDER/plan.json        what is to be trained
FOLDER/runs/ID/         the folder of each training; without checkpoints once it is trained
FOLDER/runs.csv         results, for `aira-dsl isoflop fit`
FOLDER/tuning.csv       learning rates that were tried
FOLDER/latency.json     seconds of a decoded token of each model, by `isoflop latency`
"""

from pathlib import Path
from typing import Literal

from aira_dsl.errors import InputError
from aira_dsl.scaling.grid.plan import Plan
from aira_dsl.utils.files import reporting, write_text

PLAN = "plan.json"
RUNS = "runs"
RUNS_TABLE, TUNING_TABLE = "runs.csv", "tuning.csv"
LATENCY = "latency.json"


def write_plan(plan: Plan, folder: Path, *, force: bool = False) -> Literal["written", "unchanged"]:
    """Write the plan into its folder, which is made if missing.

    Another plan is replaced only with `force`; results of runs that the new plan has as well are
    kept and used.

    Raises:
        InputError: E0503, the folder is a file, or holds another plan and `force` is not given.
        RunError: E0904, it cannot be written.
    """
    if folder.exists() and not folder.is_dir():
        raise InputError(
            "E0503", f"{folder} is not a folder", help="choose another place with --out"
        )
    with reporting(f"{folder} cannot be made"):
        folder.mkdir(parents=True, exist_ok=True)
    return write_text(folder / PLAN, plan.model_dump_json(indent=1) + "\n", force=force)
