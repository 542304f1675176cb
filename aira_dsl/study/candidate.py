"""What a trial evaluates, what becomes a new trial, and how trials hold candidates of one kind."""

import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass, field
from typing import Any, Generic, Protocol, TypeVar

from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

T = TypeVar("T")


@dataclass(frozen=True)
class Candidate(Generic[T]):
    """What can be evaluated.

    Attributes:
        identity: equal for candidates that are evaluated alike; a study evaluates each once.
        payload: what the evaluator gets.
    """

    identity: str
    payload: T


@dataclass(frozen=True)
class NewTrial(Generic[T]):
    """A trial to be added to the study.

    Attributes:
        candidate: what it evaluates; None if its source finds that out by and by.
        params: parameters that samplers and optuna-dashboard see.
        distributions: of each parameter.
        user_attrs: what people see; `fingerprint` is the identity of the candidate.
        system_attrs: what the sampler remembers.
    """

    candidate: Candidate[T] | None
    params: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)


class Candidates(Protocol[T]):
    """One kind of candidate: how a trial holds one, and which of them are new."""

    def new_trial(self, payload: T) -> NewTrial[T]:
        """Return a trial of a candidate; `candidate` reads the candidate back from it."""

    def candidate(self, trial: FrozenTrial) -> Candidate[T]:
        """Return the candidate of a trial that has one."""

    def text(self, trial: FrozenTrial) -> str:
        """Return the candidate of a trial as requests to a model show it; empty without one."""

    def details(self, trial: FrozenTrial) -> str:
        """Return what requests to a model tell about an evaluation besides its score."""

    def used_up(self, trials: Sequence[FrozenTrial]) -> str:
        """Return why no new candidate is left; empty while there may be one."""

    def nearest_new(self, payload: T, known: Set[str], rng: random.Random) -> T | None:
        """Return the nearest candidate that is not known.

        None if there is none, or if candidates of this kind have no neighbours.

        Args:
            payload: a candidate that is known.
            known: identities of the candidates of all trials.
            rng: source of the randomness of the moves.
        """
