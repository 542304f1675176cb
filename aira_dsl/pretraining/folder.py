"""The run folder of a training.

RUN/settings.json     all settings, and the identity of the tokenized text
RUN/metrics.jsonl     a line for each logged step and each validation
RUN/checkpoints/      the last two checkpoints
RUN/tensorboard/      TensorBoard's log, if it is asked for
RUN/export/           the trained model in the Hugging Face format
RUN/result.json       written last
"""

from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aira_dsl.errors import InputError
from aira_dsl.pretraining.records import METRICS, TENSORBOARD
from aira_dsl.pretraining.result import TrainResult
from aira_dsl.pretraining.settings import differences
from aira_dsl.utils.folder import FolderKind, ResultFolder, SettingsFile

SETTINGS = "settings.json"
RESULT = "result.json"
CHECKPOINTS = "checkpoints"
EXPORT = "export"

KIND = FolderKind(
    job="training",
    busy="E1505",
    foreign="E1504",
    settings=SettingsFile(SETTINGS, other="E1506", damaged="E1507", differences=differences),
    files=frozenset({SETTINGS, METRICS, CHECKPOINTS, TENSORBOARD, EXPORT, RESULT}),
    subfolders=(CHECKPOINTS,),
)


def open_folder(out: Path, identity: dict[str, Any], *, force: bool) -> ResultFolder:
    """Open, begin or (with `force`) replace a run folder; the caller closes it.

    Raises:
        InputError: E1504, E1505, E1506, E1507 as for `ResultFolder`.
        RunError: E0904, it cannot be written.
    """
    return ResultFolder(out, KIND, identity, force=force)


def read_result(out: Path) -> TrainResult | None:
    """Return the result in a run folder; None if the training has not ended.

    Raises:
        InputError: E1507, the file is damaged.
    """
    path = out / RESULT
    if not path.exists():
        return None
    try:
        return TrainResult.model_validate_json(path.read_bytes())
    except (OSError, ValidationError):
        raise InputError(
            "E1507",
            f"{path} is damaged",
            help="remove it; the same command writes it again from the last checkpoint",
        ) from None
