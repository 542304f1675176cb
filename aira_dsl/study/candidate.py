"""What a trial evaluates, and what becomes a new trial."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Generic, TypeVar

from optuna.distributions import BaseDistribution

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
        user_attrs: what people see.
        system_attrs: what the sampler remembers.
    """

    candidate: Candidate[T] | None
    params: Mapping[str, Any] = field(default_factory=dict)
    distributions: Mapping[str, BaseDistribution] = field(default_factory=dict)
    user_attrs: Mapping[str, Any] = field(default_factory=dict)
    system_attrs: Mapping[str, Any] = field(default_factory=dict)
