"""Saves the conversations with a model as Markdown files: one per trial, and the system text once.

They are for people: the study has the answers, and the requests follow from it.
"""

from pathlib import Path

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Request
from aira_dsl.utils.files import write_atomically

FOLDER = "dialogues"


class Transcripts:
    """The transcripts of a run folder.

    Args:
        run: the run folder.
    """

    def __init__(self, run: Path) -> None:
        self._folder = run / FOLDER

    def path(self, number: int) -> Path:
        """Return the file of a trial."""
        return self._folder / f"{number:04d}.md"

    def write(self, request: Request, attempt: Attempt) -> None:
        """Write the conversation about a trial, up to this answer.

        Raises:
            RunError: E0904, if it cannot be written.
        """
        self._folder.mkdir(exist_ok=True)
        system = self._folder / "system.md"
        if not system.exists():
            write_atomically(system, request.system)
        parts = [f"# trial {request.number}", request.context]
        for message in request.messages:
            heading = "request" if message.role == "user" else "answer"
            parts += [f"## {heading}", message.text]
        parts += ["## answer", attempt.answer]
        if attempt.complaint:
            parts += ["## rejected", attempt.complaint]
        text = "\n\n".join(part.strip() for part in parts if part.strip()) + "\n"
        write_atomically(self.path(request.number), text)
