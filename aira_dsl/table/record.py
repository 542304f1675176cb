"""A table as a value and as a file."""

from functools import cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.proxy.evaluation import Evaluation, TaskScore
from aira_dsl.proxy.presets import EvaluatorSettings
from aira_dsl.sealed import checksum, read_bytes, read_sealed, unusable, write_sealed
from aira_dsl.space import Space

KIND = "table"
MEASURES = ("token_accuracy", "macro_accuracy", "bits_per_token", "training_loss", "seconds")
"""What is kept of a task, in this order."""

SEPARATOR = "-"


class Table(BaseModel):
    """Every arrangement of a space with what its evaluations found.

    Attributes:
        definition: the space.
        evaluator: objective, tasks, sizes and recipes of the evaluations.
        code_version: of the code that computed them.
        machine: where.
        seeds: evaluations of each arrangement, with seeds from 0.
        rows: by arrangement (block names joined by `-`): for each seed, for each task, `MEASURES`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: SpaceDefinition
    evaluator: EvaluatorSettings
    code_version: str
    machine: str
    seeds: int
    rows: dict[str, tuple[tuple[tuple[float, ...], ...], ...]]

    @property
    def tasks(self) -> list[str]:
        """Names of the tasks."""
        return [run.task.name for run in self.evaluator.runs]

    @cached_property
    def space(self) -> Space:
        """The space."""
        return Space(self.definition)

    @cached_property
    def arrangements(self) -> list[tuple[str, ...]]:
        """All arrangements, in the order of the rows."""
        return [tuple(name.split(SEPARATOR)) for name in self.rows]

    @cached_property
    def scores_AS(self) -> NDArray[np.float64]:
        """Score of every arrangement (A) with every seed (S): what a search ranks by."""
        column = MEASURES.index(
            "token_accuracy" if self.evaluator.objective == "mad" else "bits_per_token"
        )
        measures_ASTM = np.array(list(self.rows.values()), dtype=np.float64)
        scores_AS: NDArray[np.float64] = measures_ASTM[..., column].mean(axis=2)
        return scores_AS

    @cached_property
    def identity(self) -> str:
        """Hash of all that it holds."""
        return checksum(self.model_dump(mode="json"))[:16]

    @property
    def is_complete(self) -> bool:
        """Whether every arrangement of the space is there."""
        return len(self.rows) == self.space.size

    def evaluation(self, layers: tuple[str, ...], seed: int) -> Evaluation:
        """Return what evaluating an arrangement gave; seeds beyond the table's begin anew.

        Raises:
            InputError: E0643, if the table does not hold the arrangement.
        """
        name = SEPARATOR.join(layers)
        if name not in self.rows:
            raise InputError(
                "E0643",
                f"the table of {self.definition.name} does not hold {name}",
                help="search the table's own space, and leave constraints to --where",
            )
        row = self.rows[name][seed % self.seeds]
        tasks = tuple(
            TaskScore(task=task, **dict(zip(MEASURES, measured, strict=True)))
            for task, measured in zip(self.tasks, row, strict=True)
        )
        column = "token_accuracy" if self.evaluator.objective == "mad" else "bits_per_token"
        return Evaluation(
            fingerprint=self.space.architecture(layers).fingerprint,
            seed=seed,
            split="validation",
            status="ok",
            score=sum(getattr(task, column) for task in tasks) / len(tasks),
            tasks=tasks,
            seconds=sum(task.seconds for task in tasks),
        )

    def write(self, path: str | Path) -> None:
        """Write the file in one step.

        Raises:
            RunError: E0904, if it can not be written.
        """
        write_sealed(path, KIND, self.model_dump(mode="json"))


def read_table(path: str | Path) -> Table:
    """Read a table file.

    Raises:
        InputError: E0641, if it is damaged, edited or of another format.
        UsageError: E0644, if there is no such file.
    """
    content: dict[str, Any] = read_sealed(str(path), read_bytes(path), KIND)
    try:
        return Table.model_validate(content)
    except ValidationError:
        raise unusable(str(path), KIND, "it is of another version") from None


def load_table() -> Table:
    """Return the table that ships with this package.

    Raises:
        UsageError: E0644, if none does.
    """
    return read_table(shipped_table())


def shipped_table() -> Path:
    """Return where the table lies that ships with this package.

    Raises:
        UsageError: E0644, if none does.
    """
    path = Path(str(resources.files("aira_dsl.table"))) / "data" / "six_layers.json"
    if not path.is_file():
        raise UsageError(
            "E0644",
            "this version ships no table",
            help="make one with `aira-dsl table make SPACE.arch --out FILE`, and name it",
        )
    return path
