"""Regularized evolution (Real et al., arXiv 1802.01548) over arrangements, as an Optuna sampler.

The population is the youngest finished trials; the best of a random tournament is the parent; the
child differs by one mutation: another block in one slot, or two slots swapped.

The paper's population of 64 is for searches of thousands of trials; with a budget up to 64 it would
be random search. Here the population is a quarter of the finished trials, at least 10 and at most
64, and the tournament a quarter of the population, as in the paper: the first ten trials are drawn
at random, and from 256 trials on the sampler is that of the paper. The budget has no part in it, so
that a search whose budget grows continues as if it had been larger from the start.
"""

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.evaluation.direction import Direction
from aira_dsl.space import Space
from aira_dsl.study.arrangements import Layers, slot_name
from aira_dsl.study.samplers.whole import WholeSampler

SMALLEST, LARGEST = 10, 64  # population
SWAP_PROBABILITY = 0.5


def population_size(finished: int) -> int:
    """Return how many of the youngest trials can be parents.

    Args:
        finished: number of finished trials with a score.
    """
    return min(LARGEST, max(SMALLEST, finished // 4))


def evolution(space: Space, rng: random.Random) -> BaseSampler:
    """Return regularized evolution."""
    return RegularizedEvolutionSampler(space.names, space.draw, rng)


class RegularizedEvolutionSampler(WholeSampler):
    """Aging evolution with tournament selection.

    Args:
        names: block names.
        draw: draws an allowed arrangement at random; used until the population is full.
        rng: source of all randomness.
    """

    def __init__(
        self,
        names: Sequence[str],
        draw: Callable[[random.Random], Layers],
        rng: random.Random,
    ) -> None:
        self._names = tuple(names)
        self._draw = draw
        self._rng = rng

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
        population = population_size(len(finished))
        if len(finished) < population:
            layers = self._draw(self._rng)
            return {slot_name(slot): name for slot, name in enumerate(layers)}
        direction = Direction(study.direction.name.lower())
        candidates = self._rng.sample(finished[-population:], population // 4)
        parent = max(candidates, key=partial(_fitness, direction))
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


def _fitness(direction: Direction, trial: FrozenTrial) -> tuple[float, int]:
    """Return what is larger for the better trial; among equal scores the number decides."""
    assert trial.value is not None, "completed trials have a score"
    return direction.sign * trial.value, direction.sign * trial.number
