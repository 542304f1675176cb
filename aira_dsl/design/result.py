"""What a design run found."""

import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.design.improvement import Improvement, improvement
from aira_dsl.design.settings import DesignSettings
from aira_dsl.evaluation.noise import Noise
from aira_dsl.study.selection import best
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class DesignResult:
    """What a design run found.

    Attributes:
        settings: which run it is.
        rows: the trial table, the winners confirmed.
        baseline: scores of the starting files by seed.
        baseline_memory: peak memory of the starting files in bytes, by seed.
        noise: of a score; None if it is not known.
        folder: where all of it is written.
        ended: why it stopped before the budget was met; empty if it did not.
    """

    settings: DesignSettings
    rows: list[Trial]
    baseline: Mapping[str, float]
    baseline_memory: Mapping[str, float]
    noise: Noise | None
    folder: Path
    ended: str = ""

    @property
    def mean_baseline(self) -> float | None:
        """Mean score of the starting files; None if they were not judged."""
        return statistics.fmean(self.baseline.values()) if self.baseline else None

    @property
    def best(self) -> Trial | None:
        """The best candidate; None if none has a score."""
        return best(self.rows, self.settings.direction)

    def improvement(self, trial: Trial) -> Improvement | None:
        """Return how a candidate differs from the baseline; None without repeats of it."""
        scores = list(self.baseline.values())
        return improvement(trial.repeats, scores, self.noise, self.settings.direction)
