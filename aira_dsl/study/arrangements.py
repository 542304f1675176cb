"""Arrangements of a space as candidates: how a trial holds one.

A slot is a categorical parameter of the study. A text with changed blocks, which only an agent
proposes, is kept as a user attribute besides.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from aira_dsl.architecture import Architecture, cost
from aira_dsl.language import parse
from aira_dsl.space import Space
from aira_dsl.study.candidate import Candidate, NewTrial

Layers = tuple[str, ...]

USED_UP = "the space is used up: every arrangement in it was tried"


@dataclass(frozen=True)
class Arrangements:
    """The arrangements of a space.

    Attributes:
        space: the space, with its constraints.
    """

    space: Space

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The Optuna search space: one categorical parameter a slot."""
        return distributions(self.space)

    def params(self, layers: Layers) -> dict[str, str]:
        """Return layers as parameters."""
        return dict(zip(self.distributions, layers, strict=True))

    def candidate(self, trial: FrozenTrial, *, name: str | None = None) -> Candidate[Architecture]:
        """Return the candidate of a trial, its architecture called `name`."""
        architecture = architecture_of(self.space, trial, name=name)
        return Candidate(trial.user_attrs["fingerprint"], architecture)

    def new_trial(self, layers: Layers, **attributes: Mapping[str, Any]) -> NewTrial[Architecture]:
        """Return a trial of layers; `attributes` are `user_attrs` and `system_attrs`."""
        architecture = self.space.architecture(layers)
        user_attrs = {**attributes.get("user_attrs", {}), **describe(architecture)}
        return NewTrial(
            Candidate(architecture.fingerprint, architecture),
            params=self.params(layers),
            distributions=self.distributions,
            user_attrs=user_attrs,
            system_attrs=attributes.get("system_attrs", {}),
        )


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the Optuna search space: one categorical parameter a slot."""
    choices = CategoricalDistribution(space.names)
    return {slot_name(slot): choices for slot in range(space.slots)}


def slot_name(slot: int) -> str:
    """Return the parameter of a slot; sorted by name, slots stay in order."""
    return f"slot_{slot:03d}"


def layers_of(trial: FrozenTrial) -> Layers:
    """Return the arrangement of a trial; empty if it has none."""
    return tuple(trial.params[slot_name(slot)] for slot in range(len(trial.params)))


def architecture_of(space: Space, trial: FrozenTrial, *, name: str | None = None) -> Architecture:
    """Return the architecture of a trial: a member of the space, or a text with changed blocks."""
    if (text := trial.user_attrs.get("text")) is not None:
        architecture = parse(text)
        return architecture.replace(name=name) if name else architecture
    return space.definition.architecture(layers_of(trial), name=name)


def describe(architecture: Architecture) -> dict[str, object]:
    """Return the user attributes of a trial that are known before it runs."""
    costs = cost(architecture)
    return {
        "layers": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "parameters": costs.parameters,
        "training_flops": costs.training_flops,
    }
