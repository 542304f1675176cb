"""Benchmark tables: scores of all arrangements of a space, as a value and as a file."""

from functools import cache, cached_property
from importlib import resources
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError, UsageError
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.space import Space
from aira_dsl.utils.checksummed import (
    checksum,
    not_valid,
    read_bytes,
    read_checksummed_json,
    write_checksummed_json,
)

KIND = "table"
MEASURES = ("token_accuracy", "macro_accuracy", "bits_per_token", "training_loss", "seconds")
"""Values of each task, in this order."""

SEPARATOR = "-"


class Sitting(BaseModel):
    """Evaluations of a table that were made on one machine by one version of the code.

    Attributes:
        code_version: of the code that computed them.
        machine: that computed them.
        evaluations: their number.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    code_version: str
    machine: str
    evaluations: int


class Table(BaseModel):
    """The arrangements of a space with the results of their evaluations.

    An incomplete table lacks rows, or has rows with fewer seeds than others.

    Attributes:
        definition: the space.
        evaluator: objective, tasks, sizes and recipes of the evaluations.
        sittings: origin of the evaluations, in order.
        rows: by arrangement (block names joined by `-`): for each seed from 0, for each task,
            `MEASURES`.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    definition: SpaceDefinition
    evaluator: EvaluatorSettings
    sittings: tuple[Sitting, ...]
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
    def layers_of(self) -> dict[str, tuple[str, ...]]:
        """The arrangement of every fingerprint; takes 0.1 ms for each."""
        architecture = self.space.architecture
        return {architecture(layers).fingerprint: layers for layers in self.arrangements}

    @cached_property
    def seeds_A(self) -> NDArray[np.int64]:
        """Number of evaluations of every arrangement."""
        return np.array([len(row) for row in self.rows.values()], dtype=np.int64)

    @cached_property
    def scores_AS(self) -> NDArray[np.float64]:
        """Score of every arrangement (A) with every seed (S): the objective of a search.

        NaN where there is no evaluation yet.
        """
        column = MEASURES.index(
            "token_accuracy" if self.evaluator.objective == "mad" else "bits_per_token"
        )
        scores_AS = np.full((len(self.rows), max(self.seeds_A)), np.nan)
        for place, row in enumerate(self.rows.values()):
            for seed, tasks in enumerate(row):
                scores_AS[place, seed] = np.mean([measures[column] for measures in tasks])
        return scores_AS

    @cached_property
    def means_A(self) -> NDArray[np.float64]:
        """Mean score of every arrangement over its seeds."""
        means_A: NDArray[np.float64] = np.nanmean(self.scores_AS, axis=1)
        return means_A

    @cached_property
    def identity(self) -> str:
        """Hash of the content."""
        return checksum(self.model_dump(mode="json"))[:16]

    @property
    def is_complete(self) -> bool:
        """Whether every arrangement of the space has one seed at least."""
        return len(self.rows) == self.space.size

    @property
    def extent(self) -> str:
        """The number of evaluations, such as `665 with 1 seed, 64 with 2 seeds`."""
        counts = {int(n): int((self.seeds_A == n).sum()) for n in sorted(set(self.seeds_A))}
        parts = [f"{rows:,} with {n} seed{'s' * (n > 1)}" for n, rows in counts.items()]
        missing = self.space.size - len(self.rows)
        return ", ".join(parts + ([f"{missing:,} not yet evaluated"] if missing else []))

    def evaluation(self, layers: tuple[str, ...], seed: int) -> Evaluation:
        """Return the evaluation of an arrangement; seeds are taken modulo their number.

        Raises:
            InputError: E0643, if the table does not hold the arrangement.
        """
        name = SEPARATOR.join(layers)
        if name not in self.rows:
            raise InputError(
                "E0643",
                f"the table of {self.definition.name} does not hold {name}",
                help="search the space of the table, with constraints as --where",
            )
        row = self.rows[name][seed % len(self.rows[name])]
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
            RunError: E0904, if it cannot be written.
        """
        write_checksummed_json(path, KIND, self.model_dump(mode="json"), indent=None)


def read_table(path: str | Path) -> Table:
    """Read a table file.

    Raises:
        InputError: E0641, if it is damaged, edited or of another format.
        UsageError: E0644, if there is no such file.
    """
    content: dict[str, Any] = read_checksummed_json(str(path), read_bytes(path), KIND)
    try:
        return Table.model_validate(content)
    except ValidationError:
        raise not_valid(str(path), KIND, "it is of another version") from None


@cache
def load_table() -> Table:
    """Return the table that ships with this package, one value for a process.

    Raises:
        UsageError: E0644, if none does.
    """
    return read_table(shipped_table())


def shipped_table() -> Path:
    """Return the path of the table that ships with this package.

    Raises:
        UsageError: E0644, if none does.
    """
    path = Path(str(resources.files("aira_dsl.evaluation"))) / "data" / "tables" / "six_layers.json"
    if not path.is_file():
        raise UsageError(
            "E0644",
            "this version ships no table",
            help="make one with `aira-dsl table make SPACE.arch --out FILE`, and name it",
        )
    return path
