"""A run folder read back, without Optuna: what reports, comparisons and aggregations start from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.space import Space
from aira_dsl.study.noise import noise_of, read_noise
from aira_dsl.study.run_folder import FORMAT, SETTINGS, TRIALS, read_clock
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
        charged_seconds: the same with what evaluations from the store took when computed.
        noise: of a score near the best one; None if it is not known.
    """

    folder: Path
    settings: SearchSettings
    rows: tuple[Trial, ...]
    seconds: float
    charged_seconds: float
    noise: Noise | None

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
    def best(self) -> Trial | None:
        """The best trial."""
        return best(self.rows, self.direction)


def read_run(folder: str | Path) -> Run:
    """Read a run folder.

    Raises:
        InputError: E0811 if it is not a run folder, is of another format, or its files are damaged.
    """
    path = Path(folder)
    try:
        settings = json.loads((path / SETTINGS).read_bytes())
        if (version := settings.pop("format")) != FORMAT:
            raise _not_valid(path, f"its format is {version}, this version reads {FORMAT}")
        SpaceDefinition.model_validate(settings["space"])
        seconds, charged_seconds = read_clock(path)
        search = SearchSettings.model_validate(settings)
        rows = _TRIALS.validate_json((path / TRIALS).read_bytes())
        return Run(
            folder=path,
            settings=search,
            rows=rows,
            noise=_noise(path, search, rows),
            seconds=seconds,
            charged_seconds=charged_seconds,
        )
    except OSError as error:
        raise _not_valid(path, f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_valid(path, f"its files are damaged ({type(error).__name__})") from None


def _noise(path: Path, settings: SearchSettings, rows: Sequence[Trial]) -> Noise | None:
    try:
        return read_noise(path)
    except FileNotFoundError:  # the folder of an earlier version
        return noise_of(rows, settings.evaluator)


_TRIALS = TypeAdapter(tuple[Trial, ...])


def _not_valid(path: Path, reason: str) -> InputError:
    return InputError(
        "E0811",
        f"{path} is not a valid run folder: {reason}",
        help="give the --out folder of a search; running the search again writes its files again",
    )
