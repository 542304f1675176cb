"""A run folder read back, without Optuna: what reports, comparisons and aggregations start from."""

import json
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import score_noise
from aira_dsl.space import Space
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
    """

    folder: Path
    settings: SearchSettings
    rows: tuple[Trial, ...]
    seconds: float
    charged_seconds: float

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
        InputError: E0811 if it is not a run folder, is of another format, or its files are damaged.
    """
    path = Path(folder)
    try:
        settings = json.loads((path / SETTINGS).read_bytes())
        if (version := settings.pop("format")) != FORMAT:
            raise _not_valid(path, f"its format is {version}, this version reads {FORMAT}")
        SpaceDefinition.model_validate(settings["space"])
        seconds, charged_seconds = read_clock(path)
        return Run(
            folder=path,
            settings=SearchSettings.model_validate(settings),
            rows=_TRIALS.validate_json((path / TRIALS).read_bytes()),
            seconds=seconds,
            charged_seconds=charged_seconds,
        )
    except OSError as error:
        raise _not_valid(path, f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise _not_valid(path, f"its files are damaged ({type(error).__name__})") from None


_TRIALS = TypeAdapter(tuple[Trial, ...])


def _not_valid(path: Path, reason: str) -> InputError:
    return InputError(
        "E0811",
        f"{path} is not a valid run folder: {reason}",
        help="give the --out folder of a search; running the search again writes its files again",
    )
