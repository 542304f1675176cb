"""The folder of a design run read back, without Optuna: what reports start from."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.result import DesignResult
from aira_dsl.design.settings import DesignSettings
from aira_dsl.design.task import Task
from aira_dsl.errors import InputError
from aira_dsl.study.run import Run, RunOf, kind_of, not_valid, read_run, read_run_of
from aira_dsl.study.trials import Trial

BASELINE = "baseline.json"
CANDIDATES = "candidates"
START = "start"
TASK = "task.json"


class Scale(BaseModel):
    """What a task says about its scores at the size of a run; also the content of `task.json`.

    Attributes:
        optimum: score of a perfect candidate; None if the task names none.
        baselines: measured scores of the task's baselines, by name.
    """

    model_config = ConfigDict(frozen=True)

    optimum: float | None = None
    baselines: dict[str, float] = {}

    @classmethod
    def of(cls, task: Task, size: str) -> Self:
        """Return what a task says about a size."""
        named = task.metadata.baselines.items()
        baselines = {name: sizes[size].score for name, sizes in named if size in sizes}
        return cls(optimum=task.metadata.optimum, baselines=baselines)


@dataclass(frozen=True)
class DesignRun(RunOf[DesignSettings]):
    """A design run as its folder tells it.

    Attributes:
        baseline: scores of the starting files by seed.
        baseline_memory: peak memory of the starting files in bytes, by seed.
        scale: what the task says about its scores.
    """

    baseline: Mapping[str, float]
    baseline_memory: Mapping[str, float]
    scale: Scale

    @cached_property
    def result(self) -> DesignResult:
        """What the run found."""
        return DesignResult(
            settings=self.settings,
            rows=list(self.rows),
            baseline=self.baseline,
            baseline_memory=self.baseline_memory,
            noise=self.noise,
            folder=self.folder,
        )

    @cached_property
    def start(self) -> Candidate | None:
        """The files that candidates start with; None if the folder lacks them."""
        found = _read(self.folder / START)
        is_it = found is not None and found.identity.startswith(self.settings.start)
        return found if is_it else None

    def candidate(self, trial: Trial) -> Candidate | None:
        """Return the files of a trial; None without any, or if they are not those judged."""
        if not trial.fingerprint:
            return None
        found = _read(candidate_folder(self.folder, trial.fingerprint))
        return found if found is not None and found.identity == trial.fingerprint else None


def candidate_folder(folder: Path, fingerprint: str) -> Path:
    """Return where a run folder holds the files of a candidate."""
    return folder / CANDIDATES / fingerprint[:12]


def read_any_run(folder: str | Path) -> Run | DesignRun:
    """Read the folder of a search or of a design run.

    Raises:
        InputError: E0811, if it is neither, or its files are damaged.
    """
    is_design = kind_of(folder) == DesignSettings.kind
    return read_design_run(folder) if is_design else read_run(folder)


def read_design_run(folder: str | Path) -> DesignRun:
    """Read the folder of a design run.

    Raises:
        InputError: E0811, if it is not one, or its files are damaged.
    """
    run = read_run_of(folder, DesignSettings)
    path = run.folder / BASELINE
    try:
        measured = _BASELINE.validate_json(path.read_bytes())
        scores, memory = measured["scores"], measured.get("peak_memory_bytes", {})
        path = run.folder / TASK
        scale = Scale.model_validate_json(path.read_bytes())
    except OSError as error:
        raise not_valid(run.folder, f"{path} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError) as error:
        raise not_valid(run.folder, f"{path} is damaged ({type(error).__name__})") from None
    return DesignRun(**vars(run), baseline=scores, baseline_memory=memory, scale=scale)


_BASELINE = TypeAdapter(dict[str, dict[str, Annotated[float, Field(allow_inf_nan=False)]]])


def _read(folder: Path) -> Candidate | None:
    try:
        return Candidate.read(folder)
    except (InputError, OSError):
        return None  # changed or removed; the scores are elsewhere
