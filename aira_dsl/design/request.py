"""A request to a judge: one candidate, one task at one size, one seed."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.data import DataFolder, read_data
from aira_dsl.design.judgement import Judgement
from aira_dsl.design.metadata import Size
from aira_dsl.design.task import Task, load_task
from aira_dsl.evaluation.result import Evaluation, SplitName
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.sandbox.spec import Kind

_PROCESSES = 7  # of one candidate at most: training, scoring, checking, four lengths
_SLACK = 120.0  # seconds


@dataclass(frozen=True)
class JudgeRequest:
    """One judging.

    Attributes:
        task: what to judge by.
        size: name of a size of the task.
        candidate: the files.
        data: prepared for the task at this size.
        kind: of the sandbox.
        seed: of the training.
        split: what to score.
    """

    task: Task
    size: str
    candidate: Candidate
    data: DataFolder
    kind: Kind
    seed: int = 0
    split: SplitName = "validation"

    @property
    def limits(self) -> Size:
        """Limits and constants of the size."""
        return self.task.size(self.size)

    @property
    def fingerprint(self) -> str:
        """Identity of the candidate."""
        return self.candidate.identity

    def recall(self) -> None:
        """Return None: a training of fixed time is not repeatable, so that no result is kept."""

    def remember(self, evaluation: Evaluation) -> None:
        """Keep nothing."""

    def read(self, value: Any) -> Judgement:
        """Return the judgement in what the job returned.

        Raises:
            ValueError: it is not a judgement.
        """
        return Judgement.model_validate(value)

    def job(self, needs: Needs | None = None) -> Job:
        """Return the work for a pool; its value is a `Judgement` in JSON form.

        Args:
            needs: not used: the task says what a candidate may use.
        """
        payload = {
            "task": str(self.task.folder),
            "size": self.size,
            "files": dict(self.candidate.files),
            "data": str(self.data.path),
            "kind": self.kind,
            "seed": self.seed,
            "split": self.split,
        }
        size, seconds = self.limits, longest(self.limits)
        own = Needs(
            cpus=size.cpus,
            gpus=size.gpus,
            reserve=size.memory_mib << 20,  # the sandbox limits it
            seconds=seconds,
            grace=10.0,
        )
        return Job("aira_dsl.design.worker:judge", payload, own)

    @classmethod
    def of_job(cls, payload: dict[str, Any]) -> "JudgeRequest":
        """Read the payload of a job.

        Raises:
            AiraError: the task or its data cannot be read any more.
        """
        return cls(
            task=load_task(payload["task"]),
            size=payload["size"],
            candidate=Candidate(payload["files"]),
            data=read_data(Path(payload["data"])),
            kind=payload["kind"],
            seed=payload["seed"],
            split=payload["split"],
        )


def longest(size: Size) -> float:
    """Return the seconds after which a judging is ended: all its processes at their limits."""
    one = size.startup_seconds + max(size.training_seconds, size.scoring_seconds)
    return _PROCESSES * one + _SLACK
