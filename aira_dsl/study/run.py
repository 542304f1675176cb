"""A run folder read back, without Optuna: what reports, comparisons and aggregations start from."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Generic, TypeAlias, TypeVar

from pydantic import TypeAdapter

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.errors import InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.space import Space
from aira_dsl.study.noise import noise_of, read_noise
from aira_dsl.study.run_folder import FORMAT, SETTINGS, TRIALS, read_clock
from aira_dsl.study.selection import best
from aira_dsl.study.settings import RunSettings, SearchSettings
from aira_dsl.study.trials import Trial

S = TypeVar("S", bound=RunSettings)


@dataclass(frozen=True)
class RunOf(Generic[S]):
    """A run as its folder tells it.

    Attributes:
        folder: where it lies.
        settings: which run it is.
        rows: its trials, in order.
        seconds: wall-clock seconds used.
        charged_seconds: the same with what evaluations from the store took when computed.
        noise: of a score near the best one; None if it is not known.
    """

    folder: Path
    settings: S
    rows: tuple[Trial, ...]
    seconds: float
    charged_seconds: float
    noise: Noise | None

    @property
    def space(self: "RunOf[SearchSettings]") -> Space:
        """What was searched."""
        definition = SpaceDefinition.model_validate(self.settings.space)
        return Space(definition).where(*self.settings.constraints)

    @property
    def direction(self) -> Direction:
        """Which way scores get better."""
        return self.settings.direction

    @property
    def best(self) -> Trial | None:
        """The best trial."""
        return best(self.rows, self.direction)


Run: TypeAlias = RunOf[SearchSettings]
"""A search as its folder tells it."""


def read_run(folder: str | Path) -> Run:
    """Read the run folder of a search; as for `read_run_of`."""
    return read_run_of(folder, SearchSettings)


def read_run_of(folder: str | Path, *kinds: type[S]) -> RunOf[S]:
    """Read a run folder.

    Args:
        folder: the folder.
        kinds: settings of the kinds of runs that are wanted.

    Raises:
        InputError: E0811 if it is not a run folder, is of another format or kind, or its files are
            damaged.
    """
    path = Path(folder)
    try:
        content = json.loads((path / SETTINGS).read_bytes())
        settings = _settings(path, content, kinds)
        seconds, charged_seconds = read_clock(path)
        rows = _TRIALS.validate_json((path / TRIALS).read_bytes())
        return RunOf(
            folder=path,
            settings=settings,
            rows=rows,
            noise=_noise(path, settings, rows),
            seconds=seconds,
            charged_seconds=charged_seconds,
        )
    except OSError as error:
        if error.filename == str(path / TRIALS) and isinstance(error, FileNotFoundError):
            raise not_valid(path, f"it has no {TRIALS}, which a run writes at its end") from None
        raise not_valid(path, f"{error.filename} cannot be read: {error.strerror}") from None
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise not_valid(path, f"its files are damaged ({type(error).__name__})") from None


def kind_of(folder: str | Path) -> str:
    """Return the kind of the run in a folder; `search` if its settings cannot be read."""
    try:
        return str(json.loads((Path(folder) / SETTINGS).read_bytes())["kind"])
    except (OSError, ValueError, KeyError, TypeError):
        return SearchSettings.kind


def _settings(path: Path, content: dict[str, Any], kinds: Sequence[type[S]]) -> S:
    """Return the settings in a settings file, of the kind that it names."""
    if (version := content.pop("format")) != FORMAT:
        raise not_valid(path, f"its format is {version}, this version reads {FORMAT}")
    found = content.pop("kind", SearchSettings.kind)
    for kind in kinds:
        if kind.kind == found:
            return kind.model_validate(content)
    wanted = " or ".join(kind.kind for kind in kinds)
    raise not_valid(path, f"it holds a run of the kind {found!r}, not {wanted}")


def _noise(path: Path, settings: RunSettings, rows: Sequence[Trial]) -> Noise | None:
    try:
        return read_noise(path)
    except FileNotFoundError:  # the folder of an earlier version
        return noise_of(rows, settings.evaluator) if isinstance(settings, SearchSettings) else None


_TRIALS = TypeAdapter(tuple[Trial, ...])


def not_valid(path: Path, reason: str) -> InputError:
    """Return the error of a folder that cannot be read as a run (E0811)."""
    return InputError(
        "E0811",
        f"{path} is not a valid run folder: {reason}",
        help="give the --out folder of a run of the right kind that has ended; the command of the "
        "run continues it and writes its files again",
    )
