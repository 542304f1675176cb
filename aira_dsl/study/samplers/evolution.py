"""Regularized evolution (Real et al., arXiv 1802.01548) over arrangements, as an Optuna sampler.

The population is the youngest `population` finished trials; the best of a random tournament is the
parent; the child differs by one mutation: another block in one slot, or two slots swapped. The
first `population` trials are drawn at random. It is the honest baseline of architecture search.
"""

import random
from collections.abc import Callable, Sequence
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.space import Space
from aira_dsl.study.arrangements import Layers, slot_name
from aira_dsl.study.samplers.whole import WholeSampler

POPULATION = 64
TOURNAMENT = 16
SWAP_PROBABILITY = 0.5


def evolution(space: Space, rng: random.Random) -> BaseSampler:
    """Return regularized evolution."""
    rng.getrandbits(32)  # the draws that follow are those of recorded searches
    return RegularizedEvolutionSampler(space.names, space.draw, rng)


class RegularizedEvolutionSampler(WholeSampler):
    """Aging evolution with tournament selection.

    Args:
        names: block names.
        draw: draws an allowed arrangement at random; used until the population is full.
        rng: source of all randomness.
        population: how many of the youngest trials can be parents.
        tournament: how many of them compete to be one.
    """

    def __init__(
        self,
        names: Sequence[str],
        draw: Callable[[random.Random], Layers],
        rng: random.Random,
        *,
        population: int = POPULATION,
        tournament: int = TOURNAMENT,
    ) -> None:
        self._names = tuple(names)
        self._draw = draw
        self._rng = rng
        self._population = population
        self._tournament = tournament

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return nothing: `sample_relative` knows its slots from the trials."""
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a child of the population, or a random arrangement while it is filling."""
        finished = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
        if len(finished) < self._population:
            layers = self._draw(self._rng)
            return {slot_name(slot): name for slot, name in enumerate(layers)}
        maximize = study.direction == optuna.study.StudyDirection.MAXIMIZE
        contestants = self._rng.sample(finished[-self._population :], self._tournament)
        parent = (max if maximize else min)(contestants, key=lambda t: (t.value, t.number))
        layers = self._mutate(tuple(parent.params[slot_name(i)] for i in range(len(parent.params))))
        return {slot_name(slot): name for slot, name in enumerate(layers)}

    def _mutate(self, layers: Layers) -> Layers:
        child = list(layers)
        if len(set(layers)) > 1 and self._rng.random() < SWAP_PROBABILITY:
            first = self._rng.randrange(len(child))
            others = [i for i, name in enumerate(child) if name != child[first]]
            second = self._rng.choice(others)
            child[first], child[second] = child[second], child[first]
        elif len(self._names) > 1:
            slot = self._rng.randrange(len(child))
            child[slot] = self._rng.choice([n for n in self._names if n != child[slot]])
        return tuple(child)
