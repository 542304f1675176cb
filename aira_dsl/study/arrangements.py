"""Arrangements of a space as candidates: how a trial holds one.

A slot is a categorical parameter of the study. A text with changed blocks, which only an agent
proposes, is kept as a user attribute besides.
"""

import random
from collections.abc import Mapping, Sequence, Set
from dataclasses import dataclass
from functools import cached_property
from typing import Any

from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.trial import FrozenTrial

from aira_dsl.architecture import Architecture, cost
from aira_dsl.language import parse, to_text
from aira_dsl.space import Space
from aira_dsl.study.candidate import Candidate, NewTrial
from aira_dsl.study.nearest_arrangement import nearest_new

Layers = tuple[str, ...]

USED_UP = "the space is used up: every arrangement in it was tried"
_NONE: Mapping[str, Any] = {}


@dataclass(frozen=True)
class Arrangements:
    """The arrangements of a space.

    Attributes:
        space: the space, with its constraints.
        free: whether the parameters of blocks may differ from those of the space.
    """

    space: Space
    free: bool = False

    @cached_property
    def distributions(self) -> dict[str, BaseDistribution]:
        """The Optuna search space: one categorical parameter a slot."""
        return distributions(self.space)

    def new_trial(
        self,
        payload: Architecture,
        *,
        user_attrs: Mapping[str, Any] = _NONE,
        system_attrs: Mapping[str, Any] = _NONE,
    ) -> NewTrial[Architecture]:
        """Return a trial of an architecture, with further attributes."""
        text = {"text": to_text(payload)} if self.free else {}
        return NewTrial(
            Candidate(payload.fingerprint, payload),
            params=dict(zip(self.distributions, payload.layers, strict=True)),
            distributions=self.distributions,
            user_attrs={**user_attrs, **text, **describe(payload)},
            system_attrs=system_attrs,
        )

    def candidate(self, trial: FrozenTrial) -> Candidate[Architecture]:
        """Return the candidate of a trial."""
        return Candidate(trial.user_attrs["fingerprint"], architecture_of(self.space, trial))

    def text(self, trial: FrozenTrial) -> str:
        """Return the changed text of a trial, or its pattern; empty if it has none."""
        attributes = trial.user_attrs
        return str(attributes.get("text") or attributes.get("layers", ""))

    def details(self, trial: FrozenTrial) -> str:
        """Return the scores of the tasks."""
        tasks = trial.user_attrs.get("evaluation", {}).get("tasks", ())
        return ", ".join(f"{task['task']} {task['token_accuracy']:.3f}" for task in tasks)

    def used_up(self, trials: Sequence[FrozenTrial]) -> str:
        """Return whether every arrangement was tried; changed blocks are never used up."""
        tried = {trial.user_attrs.get("fingerprint") for trial in trials} - {None}
        return "" if self.free or len(tried) < self.space.count else USED_UP

    def nearest_new(
        self, payload: Architecture, known: Set[str], rng: random.Random
    ) -> Architecture | None:
        """Return the nearest arrangement that is not known; None for texts with changed blocks."""
        if self.free:
            return None
        layers = nearest_new(self.space, payload.layers, known, rng)
        return None if layers is None else self.space.architecture(layers)


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
