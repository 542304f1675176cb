"""Where a search stands, for the user."""

from collections.abc import Sequence
from dataclasses import dataclass

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.following import Following
from aira_dsl.study.records import trial_of
from aira_dsl.study.selection import best
from aira_dsl.study.settings import Limits
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class Trouble:
    """A service that the search waits for.

    Attributes:
        what: the service and its address, such as `the study at postgresql://host/database`.
        reason: why it is not available.
    """

    what: str
    reason: str


@dataclass(frozen=True)
class Progress:
    """Where a search stands; handed to `on_progress` at every tick and every result.

    Attributes:
        done: number of finished trials, failed and pruned ones included.
        failed: number of failures among them.
        running: number of trials in flight in this process.
        seconds: wall-clock seconds used, earlier sessions included.
        limits: the limits of the search.
        charged_seconds: the same with what evaluations from the store took when they were computed;
            a time budget is spent in these.
        asking: of the trials in flight, how many wait for the answer of an agent.
        best: the best trial so far.
        finished: the trial that has just finished, if this is about one.
        trouble: the service that the search waits for; None if all are available.
        testing: whether the winners are being repeated and scored on the test split.
    """

    done: int
    failed: int
    running: int
    seconds: float
    limits: Limits
    charged_seconds: float = 0.0
    asking: int = 0
    best: Trial | None = None
    finished: Trial | None = None
    trouble: Trouble | None = None
    testing: bool = False

    @property
    def seconds_left(self) -> float | None:
        """Estimate of the seconds that remain: of the time budget, or at the pace so far."""
        estimates = []
        if self.limits.seconds is not None:
            estimates.append(max(0.0, self.limits.seconds - self.charged_seconds))
        if self.limits.budget is not None and self.done:
            estimates.append(self.seconds / self.done * max(0, self.limits.budget - self.done))
        return min(estimates, default=None)


class Tally:
    """Counts the finished trials of a search, without reading all of them each time.

    Attributes:
        done: number of finished trials.
        failed: number of failures among them.
        best: the best of them.
    """

    def __init__(self, direction: Direction) -> None:
        self.done = 0
        self.failed = 0
        self.best: Trial | None = None
        self._direction = direction
        self._trials = Following()

    def follow(self, trials: Sequence[FrozenTrial]) -> None:
        """Take account of the trials that were finished since the last call."""
        for trial in self._trials.finished(trials):
            self.done += 1
            self.failed += trial.state == TrialState.FAIL
            if trial.state == TrialState.COMPLETE:
                known = [trial_of(trial)] if self.best is None else [self.best, trial_of(trial)]
                self.best = best(known, self._direction)
