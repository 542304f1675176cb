"""Options of `aira-dsl evaluate` and `aira-dsl questions`."""

from pathlib import Path
from typing import Annotated

from pydantic import Field

from aira_dsl.utils.machine import DeviceChoice
from aira_dsl.utils.options import Options, Spelling


class EvaluateOptions(Options):
    """Evaluation on tasks."""

    tasks: Annotated[tuple[str, ...], Spelling(metavar="NAME|FILE.yaml")]
    """Suite (zero-shot, dclm-core), task of lm-eval, or YAML file of a task; repeatable."""

    data: Annotated[tuple[Path, ...], Spelling(metavar="FOLDER")] = ()
    """Folder with copies of data sets of the Hugging Face Hub; repeatable."""

    fewshot: Annotated[int, Field(ge=0, le=100)] | None = None
    """Number of examples before a question (default: the task's)."""

    limit: Annotated[int, Field(ge=1)] | None = None
    """Number of questions of each task, its first ones (default: all)."""

    batch: Annotated[int, Field(ge=1, le=4096)] = 16
    """Number of sequences that are computed at a time."""

    device: DeviceChoice = "auto"
    """Where the model runs (default: a GPU if there is one)."""

    threads: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of threads on a CPU (default: PyTorch's); 1 is fastest on a busy machine."""

    seed: Annotated[int, Field(ge=0, lt=1 << 32)] = 0
    """Seed of the choice of examples before a question."""

    check: Annotated[int, Field(ge=0, le=100_000)] = 32
    """Number of log-likelihoods of a task that are compared with our own; 0: none."""


class QuestionOptions(Options):
    """Questions."""

    count: Annotated[int, Field(ge=4, le=1_000_000)] = 500
    """Number of questions."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the choice of questions and of the order of choices."""

    everything: Annotated[bool, Spelling(name="all")] = False
    """Ask about all documents, not only those that are held out."""
