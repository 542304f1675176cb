"""Files attached to trials; `optuna-dashboard … --artifact-dir RUN/artifacts` shows them."""

from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

FOLDER = "artifacts"


def attach(file: Path, trial: FrozenTrial, storage: BaseStorage, run: Path) -> None:
    """Attach a file to a running trial, unless it does not exist or one is attached.

    Args:
        file: the file.
        trial: the trial; Optuna refuses changes once it is finished.
        storage: where the study is.
        run: the run folder, which gets a copy.
    """
    if not file.exists() or get_all_artifact_meta(trial, storage=storage):
        return
    folder = run / FOLDER
    folder.mkdir(exist_ok=True)
    upload_artifact(
        artifact_store=FileSystemArtifactStore(folder),
        file_path=str(file),
        study_or_trial=trial,
        storage=storage,
    )
