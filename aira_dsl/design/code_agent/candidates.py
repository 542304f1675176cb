"""Folders of files as candidates: how a trial holds one."""

import json
import random
from collections.abc import Sequence, Set
from typing import Any

from optuna.trial import FrozenTrial

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import summary
from aira_dsl.study.candidate import Candidate as Evaluated
from aira_dsl.study.candidate import NewTrial


class CodeCandidates:
    """Folders of files; a trial holds the texts as the user attribute `files`.

    Args:
        start: what candidates are described as changes of.
    """

    def __init__(self, start: Candidate) -> None:
        self._start = start

    def new_trial(self, payload: Candidate) -> NewTrial[Candidate]:
        """Return a trial of a candidate."""
        attributes: dict[str, Any] = {
            "files": dict(payload.files),
            "layers": summary(self._start.files, payload.files),
            "fingerprint": payload.identity,
        }
        return NewTrial(Evaluated(payload.identity, payload), user_attrs=attributes)

    def candidate(self, trial: FrozenTrial) -> Evaluated[Candidate]:
        """Return the candidate of a trial that has one."""
        return Evaluated(trial.user_attrs["fingerprint"], Candidate(trial.user_attrs["files"]))

    def text(self, trial: FrozenTrial) -> str:
        """Return the files of a trial as JSON, which `files_in` reads; empty without them."""
        files = trial.user_attrs.get("files")
        return "" if files is None else json.dumps(files)

    def details(self, trial: FrozenTrial) -> str:
        """Return the facts that the judge measured, one a line."""
        facts = trial.user_attrs.get("evaluation", {}).get("facts", {})
        return "\n".join(f"{name}: {_short(value)}" for name, value in facts.items())

    def used_up(self, trials: Sequence[FrozenTrial]) -> str:
        """Return an empty text: there is always another program."""
        return ""

    def nearest_new(
        self, payload: Candidate, known: Set[str], rng: random.Random
    ) -> Candidate | None:
        """Return None: programs have no neighbours."""
        return None


def files_in(text: str) -> Candidate:
    """Return the candidate that `CodeCandidates.text` wrote."""
    return Candidate(json.loads(text))


def _short(value: object) -> str:
    return f"{value:.5g}" if isinstance(value, float) else str(value)
