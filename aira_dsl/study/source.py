"""Who proposes: what the loop of a search asks for new trials."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from optuna.trial import FrozenTrial

from aira_dsl.architecture import Architecture, cost
from aira_dsl.language import parse
from aira_dsl.space import Space
from aira_dsl.study.evolution import Layers
from aira_dsl.study.samplers import layers_of, propose
from aira_dsl.study.settings import SearchSettings


@dataclass(frozen=True)
class NewTrial:
    """A trial to be added.

    Attributes:
        layers: its arrangement; None if it is still to be asked for.
        user_attrs: what people may see of it.
        system_attrs: what the sampler wants to remember of it.
    """

    layers: Layers | None
    user_attrs: dict[str, Any] = field(default_factory=dict)
    system_attrs: dict[str, Any] = field(default_factory=dict)


class Source(Protocol):
    """Proposes trials; a pure function of the trials so far.

    Attributes:
        ended: why there will be no further trial; empty while there may be.
    """

    ended: str

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial | None:
        """Return the next trial; None if there is none now, or none any more."""


class SamplerSource:
    """A classical sampler."""

    def __init__(self, space: Space, settings: SearchSettings) -> None:
        assert settings.sampler is not None
        self.ended = ""
        self._space = space
        self._sampler = settings.sampler
        self._direction = settings.evaluator.direction
        self._seed = settings.seed

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial | None:
        """Return an arrangement that no trial has."""
        proposal = propose(
            self._space, self._sampler, trials, direction=self._direction, seed=self._seed
        )
        if proposal is None:
            self.ended = USED_UP
            return None
        return NewTrial(proposal.layers, system_attrs=proposal.system_attrs)


USED_UP = "the space is used up: every arrangement in it was tried"


def architecture_of(space: Space, trial: FrozenTrial, *, name: str | None = None) -> Architecture:
    """Return what a trial evaluates: a member of the space, or a text with blocks of its own."""
    if (text := trial.user_attrs.get("text")) is not None:
        architecture = parse(text)
        return architecture.replace(name=name) if name else architecture
    return space.definition.architecture(layers_of(trial), name=name)


def describe(architecture: Architecture) -> dict[str, object]:
    """Return what is known of a trial before it runs; optuna-dashboard shows it."""
    costs = cost(architecture)
    return {
        "layers": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "parameters": costs.parameters,
        "training_flops": costs.training_flops,
    }
