"""A run folder read back, without Optuna: what reports, comparisons and aggregations start from."""

import json
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from aira_dsl.agents.calls import Call
from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import score_noise
from aira_dsl.space import Space
from aira_dsl.study.selection import best
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class Run:
    """A search as its folder tells it.

    Attributes:
        folder: where it lies.
        settings: which search it is.
        rows: its trials, in order.
        seconds: wall-clock seconds used.
    """

    folder: Path
    settings: SearchSettings
    rows: tuple[Trial, ...]
    seconds: float

    @property
    def space(self) -> Space:
        """What was searched."""
        definition = SpaceDefinition.model_validate(self.settings.space)
        return Space(definition).where(*self.settings.constraints)

    @property
    def direction(self) -> Direction:
        """Which way scores get better."""
        return self.settings.evaluator.direction

    @property
    def noise(self) -> float | None:
        """Standard deviation of a score between seeds, if the preset's calibration tells."""
        return score_noise(self.settings.evaluator)

    @property
    def best(self) -> Trial | None:
        """The best trial."""
        return best(self.rows, self.direction)


def read_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: E0811, if it is no run folder, or its files are damaged.
    """
    path = Path(folder)
    try:
        settings = json.loads((path / "settings.json").read_text())
        settings.pop("format")
        SpaceDefinition.model_validate(settings["space"])
        table = json.loads((path / "trials.json").read_text())
        return Run(
            folder=path,
            settings=SearchSettings.model_validate(settings),
            rows=tuple(map(_row, table)),
            seconds=_seconds(path),
        )
    except OSError as error:
        reason = f"{error.filename} can not be read: {error.strerror}"
    except (ValueError, KeyError, TypeError, AttributeError, ValidationError) as error:
        reason = f"its files are damaged ({type(error).__name__})"
    raise InputError(
        "E0811",
        f"{path} is no run folder that can be used: {reason}",
        help="give the --out folder of a search; running the search again writes its files anew",
    )


def _row(record: dict[str, Any]) -> Trial:
    values = {field.name: record[field.name] for field in fields(Trial)}
    values["layers"] = tuple(values["layers"])
    values["parents"] = tuple(values["parents"])
    values["calls"] = tuple(Call.model_validate(call) for call in values["calls"])
    return Trial(**values)


def _seconds(path: Path) -> float:
    try:
        return float(json.loads((path / "clock.json").read_text())["seconds"])
    except (OSError, ValueError, KeyError):
        return 0.0
