"""Answers without a model: a library of recorded answers, and changed constants.

The scripted proposer draws from the folder `library` of a task: each file in it is an answer as a
model would write it, to the files that a candidate starts with: good ideas, errors, attempts to
bend the score. Half of the answers that have a parent change a number of it instead: a constant in
capital letters at the beginning of a line; so do answers after one that was rejected. So the result
of a run shows what its policy makes of given answers. It says nothing about language models.
"""

import random
import re
from collections.abc import Mapping
from pathlib import Path

from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.models import AnswerFormat, Request
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import files_of, read_files, written
from aira_dsl.design.task import Task
from aira_dsl.errors import InputError

LIBRARY = "library"

_NUMBER = re.compile(r"^([A-Z][A-Z0-9_]*) = (-?\d+(?:\.\d+)?(?:e-?\d+)?)(?=\s|$)", re.MULTILINE)
_FACTORS = (0.5, 0.7, 1.4, 2.0)


def answer_format(task: Task) -> AnswerFormat:
    """Return the form of the answers for a task: plain text; `draw` needs no model."""
    return AnswerFormat(schema=None, grammar=None, longest=0, draw=LibraryAnswers(task))


class LibraryAnswers:
    """Draws answers, with the seed of the request.

    Args:
        task: with its library; without one, only constants are changed.
    """

    def __init__(self, task: Task) -> None:
        self._start = task.start
        self._recorded = recorded_answers(task)

    def __call__(self, request: Request, rng: random.Random) -> str:
        """Return a recorded answer as whole files, or a parent with changed constants."""
        parents = files_of(request.messages[0].text)
        wants_new = not parents or rng.random() < 0.5
        if self._recorded and wants_new and request.attempt == 0:
            return self._recorded[rng.choice(sorted(self._recorded))]
        return _mutated(parents or dict(self._start.files), 1 + request.attempt, rng)


def recorded_answers(task: Task) -> dict[str, str]:
    """Return the answers of a task's library by name, each with all its files.

    Raises:
        InputError: E1215, an answer cannot be read.
    """
    folder = task.folder / LIBRARY
    found = {}
    for path in sorted(folder.glob("*.md")):
        proposal = _read(path, task)
        if isinstance(proposal, Rejection):
            raise InputError("E1215", f"{path}: {proposal.text}")
        found[path.stem] = _answer(proposal.hypothesis, proposal.candidate)
    return found


def _read(path: Path, task: Task) -> Proposal[Candidate] | Rejection:
    try:
        return read_files(path.read_text(encoding="utf-8"), task.start)
    except (OSError, UnicodeDecodeError) as error:
        raise InputError("E1215", f"{path} cannot be read: {error}") from None


def _answer(hypothesis: str, candidate: Candidate) -> str:
    return f"<hypothesis>{hypothesis}</hypothesis>\n\n{written(candidate.files)}"


def _mutated(files: Mapping[str, str], changes: int, rng: random.Random) -> str:
    """Multiply some constants by a factor; every rejected answer adds one change."""
    places = [(path, found) for path in sorted(files) for found in _NUMBER.finditer(files[path])]
    chosen = rng.sample(range(len(places)), min(changes, len(places)))
    child, told = dict(files), []
    for path, found in sorted((places[at] for at in chosen), key=lambda each: -each[1].start()):
        name, value = found[1], found[2]
        new = _scaled(value, rng.choice(_FACTORS))
        child[path] = child[path][: found.start(2)] + new + child[path][found.end(2) :]
        told.append(f"{name} changed from {value} to {new}")
    hypothesis = ", ".join(reversed(told)) or "there are no constants to change"
    return f"<hypothesis>{hypothesis}</hypothesis>\n\n{written(child)}"


def _scaled(value: str, factor: float) -> str:
    if re.fullmatch(r"-?\d+", value):
        scaled = round(int(value) * factor)
        return str(scaled if str(scaled) != value else int(value) + 1)
    return f"{float(value) * factor:.4g}"
