"""Proposals: which arrangement to try next.

`propose` is a pure function of the trials so far and the settings. It replays the trials into a
study in memory and asks an Optuna sampler there, so that a resumed search goes on exactly where it
stood, and a proposal reaches the shared study whole or not at all. Duplicates and arrangements that
break a constraint are refused here, for every sampler alike.
"""

import random
import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import optuna
from optuna.distributions import BaseDistribution, CategoricalDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.space import Space
from aira_dsl.study.evolution import (
    ArrangementSampler,
    Layers,
    RegularizedEvolutionSampler,
    slot_name,
)
from aira_dsl.study.replica import replica
from aira_dsl.study.settings import SamplerName
from aira_dsl.training.threads import one_thread

_TRIES = {"gp": 2}  # a Gaussian process thinks long and repeats itself
_DEFAULT_TRIES = 20
MAX_DRAWS = 200_000  # a space of which so many draws show nothing new counts as used up
NSGA2_POPULATION = 20  # so that a budget of some hundred holds several generations


@dataclass(frozen=True)
class Proposal:
    """An arrangement to evaluate, with what the sampler wants to remember of it."""

    layers: Layers
    system_attrs: dict[str, Any]


def propose(
    space: Space,
    sampler: SamplerName,
    trials: Sequence[FrozenTrial],
    *,
    direction: Direction,
    seed: int,
) -> Proposal | None:
    """Propose an arrangement that no trial has, or None if the space is used up.

    Args:
        space: where to propose, with its constraints.
        sampler: which sampler.
        trials: all trials so far, finished and running, in order of their numbers.
        direction: `maximize` or `minimize`.
        seed: together with the number of trials it decides every random choice.
    """
    seen = {trial.user_attrs["fingerprint"] for trial in trials}
    if len(seen) >= space.count:
        return None
    # Seeded by place, not by a running generator: a resumed search draws what it would have drawn.
    rng = random.Random(f"{seed}:{len(trials)}")
    base = _make_sampler(sampler, space, rng)
    refusing = _RefusingSampler(base, space, seen, rng, _TRIES.get(sampler, _DEFAULT_TRIES))
    slots = distributions(space)
    study = replica(trials, slots, direction=direction, sampler=refusing)
    with one_thread():  # the other cores are training candidates
        asked = study.ask(slots)
    if refusing.exhausted:
        return None
    frozen = study.get_trials(deepcopy=False)[asked.number]
    return Proposal(layers_of(frozen), dict(frozen.system_attrs))


def distributions(space: Space) -> dict[str, BaseDistribution]:
    """Return the Optuna search space: one categorical parameter a slot."""
    choices = CategoricalDistribution(space.names)
    return {slot_name(slot): choices for slot in range(space.slots)}


def layers_of(trial: FrozenTrial) -> Layers:
    """Read a trial's arrangement from its parameters."""
    return tuple(trial.params[slot_name(slot)] for slot in range(len(trial.params)))


def _identity(space: Space, layers: Layers) -> str:
    return space.architecture(layers).fingerprint


def _make_sampler(name: SamplerName, space: Space, rng: random.Random) -> BaseSampler:
    seed = rng.getrandbits(32)
    with warnings.catch_warnings():  # "experimental" is Optuna's word for samplers under a year old
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        match name:
            case "random":
                return optuna.samplers.RandomSampler(seed=seed)
            case "tpe":
                return optuna.samplers.TPESampler(seed=seed, multivariate=True, constant_liar=True)
            case "gp":
                return optuna.samplers.GPSampler(seed=seed)
            case "nsga2":
                return optuna.samplers.NSGAIISampler(seed=seed, population_size=NSGA2_POPULATION)
            case "evolution":
                return RegularizedEvolutionSampler(space.names, space.draw, rng)


class _RefusingSampler(ArrangementSampler):
    """Ask another sampler until it proposes something new and allowed.

    If it will not, go to the nearest new arrangement around its last proposal: that keeps the
    sampler's intention better than a random draw would.
    """

    def __init__(
        self, base: BaseSampler, space: Space, seen: set[str], rng: random.Random, tries: int
    ) -> None:
        self._base = base
        self._space = space
        self._seen = seen
        self._rng = rng
        self._tries = tries
        self.exhausted = False

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return distributions(self._space)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        proposal = self._ask_base(study, trial, search_space)
        for _ in range(self._tries - 1):
            if self._is_new(proposal):
                break
            proposal = self._ask_base(study, trial, search_space)
        layers = proposal if self._is_new(proposal) else self._nearest_new(proposal)
        if layers is None:
            self.exhausted, layers = True, proposal
        return {slot_name(slot): name for slot, name in enumerate(layers)}

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        self._base.before_trial(study, trial)

    def _ask_base(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Layers:
        """Ask for all slots at once, and one by one for those the sampler left open."""
        known = self._base.infer_relative_search_space(study, trial)
        params = self._base.sample_relative(study, trial, known)
        for name, distribution in search_space.items():
            if name not in params:
                params[name] = self._base.sample_independent(study, trial, name, distribution)
        return tuple(params[name] for name in search_space)

    def _is_new(self, layers: Layers) -> bool:
        return self._space.allows(layers) and _identity(self._space, layers) not in self._seen

    def _nearest_new(self, start: Layers) -> Layers | None:
        """Walk outwards at random, then draw from the whole space until few can be left."""
        if self._space.allows(start):
            for distance in range(1, self._space.slots + 1):
                for _ in range(8):
                    layers = self._change(start, distance)
                    if self._is_new(layers):
                        return layers
        for _ in range(min(20 * self._space.count, MAX_DRAWS)):
            layers = self._space.draw(self._rng)
            if self._is_new(layers):
                return layers
        return None

    def _change(self, layers: Layers, distance: int) -> Layers:
        changed = list(layers)
        for slot in self._rng.sample(range(len(layers)), distance):
            changed[slot] = self._rng.choice(self._space.names)
        return tuple(changed)
