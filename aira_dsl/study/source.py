"""The protocol of a source of trials: a sampler or an agent, whatever its candidates are."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from optuna.trial import FrozenTrial

from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.candidate import Candidate, NewTrial

T = TypeVar("T")


@dataclass(frozen=True)
class Ended:
    """There will be no further trial.

    Attributes:
        reason: why, although there is budget left; empty if the budget is spent.
    """

    reason: str


class Source(Protocol[T]):
    """Proposes trials and brings each of them to its candidate.

    A source decides from the trials that it is given and from nothing else, so that a search that
    was killed continues with the same trials.
    """

    @property
    def waiting(self) -> int:
        """Number of trials of this process that wait for something outside, such as an answer."""

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[T] | Ended | None:
        """Return the next trial.

        None says that the next trial depends on one that is running: one of `trials` is.

        Args:
            trials: all trials, in order of their numbers; no other worker changes them meanwhile.
        """

    def advance(self, trial: FrozenTrial) -> Candidate[T] | Evaluation | None:
        """Continue with a running trial of this process.

        Return its candidate; or the evaluation that it ends with, if it gets no candidate; or None
        if it waits: `ready` names it when it can be continued.
        """

    def ready(self, timeout: float) -> list[int]:
        """Return the trials that can be continued; wait for one while any is waiting.

        Args:
            timeout: seconds to wait at most.
        """

    def candidate(self, trial: FrozenTrial) -> Candidate[T]:
        """Return the candidate of a trial that has one."""

    def on_end(self, trial: FrozenTrial) -> None:
        """Do what is to be done before a trial is finished."""
