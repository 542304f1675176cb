"""Where a search stands, for whoever watches it."""

from dataclasses import dataclass

from optuna.trial import FrozenTrial

from aira_dsl.study.settings import Limits


@dataclass(frozen=True)
class Progress:
    """Where a search stands; handed to `on_progress` at every tick and every result.

    Attributes:
        done: finished trials, failed and stopped ones included.
        failed: failures among them.
        running: trials in flight in this process.
        seconds: wall-clock seconds used, earlier sessions included.
        limits: the search's limits.
        asking: of these, how many wait for an agent's proposal.
        best: score and pattern of the best trial so far.
        finished: the trial that has just finished, if this is about one.
        trouble: why the study can not be reached right now.
        testing: whether the winners are being repeated and scored on the test split.
    """

    done: int
    failed: int
    running: int
    seconds: float
    limits: Limits
    asking: int = 0
    best: tuple[float, str] | None = None
    finished: FrozenTrial | None = None
    trouble: str | None = None
    testing: bool = False

    @property
    def seconds_left(self) -> float | None:
        """Estimate of what remains: of the time budget, or at the pace so far."""
        estimates = []
        if self.limits.seconds is not None:
            estimates.append(max(0.0, self.limits.seconds - self.seconds))
        if self.limits.budget is not None and self.done:
            estimates.append(self.seconds / self.done * max(0, self.limits.budget - self.done))
        return min(estimates, default=None)
