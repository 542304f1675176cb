"""Calibration files: scores by arrangement and seed, their origin, and a checksum.

A file that was cut, edited or made with other settings is refused.
"""

from collections.abc import Sequence
from functools import cache
from importlib import resources
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.utils.checksummed import (
    not_valid,
    read_bytes,
    read_checksummed_json,
    write_checksummed_json,
)

KIND = "calibration"


class Measured(BaseModel):
    """One arrangement's scores.

    Attributes:
        name: of the arrangement.
        layers: block names, first layer first.
        scores: by column (a task's name, or `score`, the objective), one value a seed.
        seconds: of one evaluation on one thread, one value a seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    layers: tuple[str, ...]
    scores: dict[str, tuple[float, ...]]
    seconds: tuple[float, ...]


class Point(BaseModel):
    """Scores after more training: `longer`'s arrangements, with a multiple of the preset's steps.

    Attributes:
        times: the multiple.
        precision: of these evaluations.
        code_version: of the code that computed them.
        machine: that computed them.
        measured: one entry an arrangement, one seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int
    precision: str
    code_version: str
    machine: str
    measured: tuple[Measured, ...]


class Calibration(BaseModel):
    """The measurements of one preset.

    Attributes:
        preset: the preset that was measured.
        precision: its precision.
        identity: of the evaluator's settings.
        code_version: of the code that computed the scores.
        machine: that computed them.
        seeds: number of seeds, counted from 0.
        arrangements: the calibration set.
        longer: the same for some of them with the longer preset of that name; may be empty.
        longer_preset: its name.
        exact: the same in fp32, first seed only; may be empty.
        curve: scores at costs between the preset's and the longer one's; may be empty.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    preset: str
    precision: str
    identity: str
    code_version: str
    machine: str
    seeds: int
    arrangements: tuple[Measured, ...]
    longer_preset: str = ""
    longer: tuple[Measured, ...] = ()
    exact: tuple[Measured, ...] = ()
    curve: tuple[Point, ...] = ()

    @property
    def columns(self) -> list[str]:
        """Names of the tasks, then `score`."""
        return list(self.arrangements[0].scores)

    def scores(self, column: str) -> NDArray[np.float64]:
        """Return a column's scores by arrangement (A) and seed (S)."""
        return scores_of(self.arrangements, column)

    def write(self, path: str | Path) -> None:
        """Write the file in one step.

        Raises:
            RunError: E0904, if it cannot be written.
        """
        write_checksummed_json(path, KIND, self.model_dump(mode="json"))


def scores_of(measured: Sequence[Measured], column: str) -> NDArray[np.float64]:
    """Return a column's scores by arrangement (A) and seed (S)."""
    return np.array([each.scores[column] for each in measured], dtype=np.float64)


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: E0641, if it is damaged, edited, or of another format.
        UsageError: E0644, if it cannot be read.
    """
    return _read(str(path), read_bytes(path))


@cache
def load_calibration(preset: str) -> Calibration | None:
    """Return the calibration that ships for a preset, or None if it has none."""
    file = resources.files("aira_dsl.evaluation") / "data" / "calibrations" / f"{preset}.json"
    return _read(file.name, file.read_bytes()) if file.is_file() else None


def _read(name: str, data: bytes) -> Calibration:
    content = read_checksummed_json(name, data, KIND)
    try:
        return Calibration.model_validate(content)
    except ValidationError:
        raise not_valid(name, KIND, "it is of another version") from None
