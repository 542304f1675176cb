"""A calibration as a file: scores by arrangement and seed, with a checksum and what made them.

A file that was cut, edited or made by other settings is refused, never guessed at.
"""

from importlib import resources
from pathlib import Path

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
        name: what it is called.
        layers: block names, first layer first.
        scores: by column (a task's name, or `score` for what a search ranks by), one a seed.
        seconds: of one evaluation on one thread, one a seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    name: str
    layers: tuple[str, ...]
    scores: dict[str, tuple[float, ...]]
    seconds: tuple[float, ...]


class Point(BaseModel):
    """What more training gives: the arrangements of `longer` with a multiple of the preset's steps.

    Attributes:
        times: the multiple.
        precision: of these evaluations.
        code_version: of the code that computed them.
        machine: where.
        measured: one entry an arrangement, one seed.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    times: int
    precision: str
    code_version: str
    machine: str
    measured: tuple[Measured, ...]


class Calibration(BaseModel):
    """All that a calibration measured.

    Attributes:
        preset: the preset that was measured.
        precision: its precision.
        identity: of the evaluator's settings.
        code_version: of the code that computed.
        machine: where.
        seeds: how many of them, from 0.
        arrangements: the calibration set.
        longer: the same for some of them with the longer preset of that name; may be empty.
        longer_preset: its name.
        exact: the same in fp32, first seed only; may be empty.
        curve: from the preset's cost towards the longer one's; may be empty.
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

    def write(self, path: str | Path) -> None:
        """Write the file in one step.

        Raises:
            RunError: E0904, if it can not be written.
        """
        write_checksummed_json(path, KIND, self.model_dump(mode="json"))


def read_calibration(path: str | Path) -> Calibration:
    """Read a calibration file.

    Raises:
        InputError: E0641, if it is damaged, edited, or of another format.
        UsageError: E0644, if it can not be read.
    """
    return _read(str(path), read_bytes(path))


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
