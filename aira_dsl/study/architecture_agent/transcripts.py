"""What was asked and answered, as files for people: one a trial, and the system text once.

They are for reading only: the journal has the answers, and prompts follow from it. They are also
attached to the study's trials: `optuna-dashboard … --artifact-dir RUN/artifacts` shows them.
"""

from pathlib import Path

from optuna.artifacts import FileSystemArtifactStore, get_all_artifact_meta, upload_artifact
from optuna.storages import BaseStorage
from optuna.trial import FrozenTrial

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Request
from aira_dsl.utils.files import write_atomically

FOLDER = "dialogues"
ARTIFACTS = "artifacts"


class Transcripts:
    """The dialogues of a run folder.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER
        self._artifacts = run / ARTIFACTS

    def keep(self, number: int, request: Request, call: Attempt) -> None:
        """Write down all that was said about a trial, up to this answer.

        Raises:
            RunError: E0904, if it can not be written.
        """
        self._folder.mkdir(exist_ok=True)
        system = self._folder / "system.md"
        if not system.exists():
            write_atomically(system, request.system)
        parts = [f"# trial {number}", request.context]
        for message in request.messages:
            parts += [f"## {'asked' if message.role == 'user' else 'answered'}", message.text]
        parts += ["## answered", call.answer]
        if call.complaint:
            parts += ["## handed back", call.complaint]
        text = "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
        write_atomically(self._path(number), text)

    def attach(self, trial: FrozenTrial, storage: BaseStorage) -> None:
        """Attach a trial's dialogue to it; a trial takes nothing any more once it is finished."""
        path = self._path(trial.number)
        if not path.exists() or get_all_artifact_meta(trial, storage=storage):
            return
        self._artifacts.mkdir(exist_ok=True)
        upload_artifact(
            artifact_store=FileSystemArtifactStore(self._artifacts),
            file_path=str(path),
            study_or_trial=trial,
            storage=storage,
        )

    def _path(self, number: int) -> Path:
        return self._folder / f"{number:04d}.md"
