"""What metadata.yaml of a task says."""

import json
from pathlib import PurePosixPath
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field

from aira_dsl.evaluation.direction import Direction

Framework = Literal["torch", "jax", "numpy"]

Seconds = Annotated[float, Field(gt=0, le=7 * 24 * 3600)]
_MOST_MIB = 1 << 24  # 16 TiB
_MOST_SETTINGS = 1 << 15  # bytes: they are in one message to the harness

Name = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_]{0,39}$")]


def _relative(path: str) -> str:
    parts = PurePosixPath(path).parts
    if not parts or path.startswith("/") or ".." in parts or "\\" in path:
        raise ValueError(f"{path!r} is not a relative path inside the folder")
    return path


def _json(settings: dict[str, Any]) -> dict[str, Any]:
    """Check that the harness can be sent the settings; YAML also has dates, NaN and more."""
    try:
        size = len(json.dumps(settings, allow_nan=False))
    except (TypeError, ValueError) as error:
        raise ValueError(f"only texts, numbers, lists and mappings: {error}") from None
    if size > _MOST_SETTINGS:
        raise ValueError(f"{size:,} bytes as JSON; the limit is {_MOST_SETTINGS:,}")
    return settings


RelativePath = Annotated[str, AfterValidator(_relative)]


class _Model(BaseModel):
    model_config = ConfigDict(
        frozen=True, extra="forbid", use_attribute_docstrings=True, allow_inf_nan=False
    )


class Size(_Model):
    """Limits and constants of a task at one size."""

    training_seconds: Seconds
    """Time of the training, on the judge's clock."""

    training_cpu_seconds: Annotated[float, Field(gt=0)] | None = None
    """CPU time of all threads for the same, where a score depends on how much is computed."""

    startup_seconds: Seconds = 60.0
    """Time for imports, building, compiling and warming up; no training data are there yet."""

    startup_cpu_seconds: Seconds | None = None
    """CPU time of all threads for the same, where candidates can read text to train on."""

    scoring_seconds: Seconds = 120.0
    """Time of one scoring process to load the weights and to answer all requests."""

    memory_mib: Annotated[int, Field(ge=64, le=_MOST_MIB)] = 4096
    """Memory of all processes of the candidate together."""

    scratch_mib: Annotated[int, Field(ge=1, le=_MOST_MIB)] = 256
    """Room in the scratch folder."""

    weights_mib: Annotated[int, Field(ge=1, le=16_384)] = 256
    """Size of the weights file."""

    cpus: Annotated[int, Field(ge=1, le=4096)] = 2
    """Threads with which numeric libraries start; `training_cpu_seconds` limits what more do."""

    processes: Annotated[int, Field(ge=1, le=1_000_000)] = 64
    """Processes and threads at a time."""

    gpus: Annotated[int, Field(ge=0, le=8)] = 0
    """GPUs that the candidate needs."""

    settings: Annotated[dict[str, Any], Field(default_factory=dict), AfterValidator(_json)]
    """Constants of the task, which the harness, the judge and the description read."""


class CandidateFiles(_Model):
    """Files that a candidate must have."""

    files: Annotated[tuple[RelativePath, ...], Field(min_length=1)]
    """Files that must be there; others may be."""

    symbols: dict[RelativePath, tuple[str, ...]] = {}
    """Names that a file must define, for readers: the task's harness reports missing ones."""


class Baseline(_Model):
    """The measured score of a baseline at one size.

    Scores of all repeats differ by the training seed only.
    """

    score: float
    """Mean over the repeats."""

    noise: Annotated[float, Field(ge=0)]
    """Standard deviation over the repeats."""

    repeats: Annotated[int, Field(ge=1)]
    """Number of repeats."""

    machine: str = ""
    """Where it was measured."""

    memory_exponent: float | None = None
    """Power of the length with which the memory of a forward pass grows."""

    time_exponent: float | None = None
    """The same of its time."""


class Metadata(_Model):
    """A task: what is measured, what a candidate is, limits, baselines."""

    name: Name
    """As in the commands."""

    title: Annotated[str, Field(min_length=1, max_length=100)]
    """One line for people."""

    metric: Annotated[str, Field(min_length=1, max_length=40)]
    """Name of the score, such as `bits per byte`."""

    direction: Direction
    """`minimize` or `maximize`."""

    chance: float | None = None
    """Score of a candidate that knows nothing."""

    worst: float | None = None
    """Worst possible score, or one beyond which differences mean nothing."""

    optimum: float | None = None
    """Best possible score."""

    frameworks: Annotated[tuple[Framework, ...], Field(min_length=1)]
    """What a candidate may import; these and numpy are in the sandbox."""

    candidate: CandidateFiles
    """Files of a candidate."""

    parameter_cap: Annotated[int, Field(ge=1)] | None = None
    """Largest number of values in the weights file, at four bytes for each; None for no limit."""

    subquadratic: Literal["free", "reported", "required"] = "free"
    """Whether the growth of memory with the length is measured, and a quadratic one refused."""

    sizes: Annotated[dict[Name, Size], Field(min_length=1)]
    """Sizes by name; the first is the default."""

    baselines: dict[Name, dict[Name, Baseline]] = {}
    """Measured scores: folder of the baseline, then the size."""

    baselines_of: Name | None = None
    """Task of this package whose baselines are baselines of this task too."""

    sources: tuple[str, ...] = ()
    """Where data, settings and numbers come from."""
