"""Optuna's own samplers, set up for arrangements."""

import random
import warnings

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler, GPSampler, NSGAIISampler, TPESampler
from optuna.trial import FrozenTrial, TrialState

from aira_dsl.space import Space
from aira_dsl.study.arrangements import distributions

NSGA2_POPULATION = 20  # so that a budget of some hundred holds several generations


class _AllSlots(BaseSampler):
    """Knows that every trial has every slot.

    Optuna's samplers find it by comparing the parameters of all trials, which a sampler that is
    asked once cannot remember: n proposals would take n² comparisons.
    """

    slots: dict[str, BaseDistribution]

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return the slots with a choice, in the order of their names, once a trial has ended."""
        if not study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,)):
            return {}
        return {name: each for name, each in sorted(self.slots.items()) if not each.single()}


class _TPE(_AllSlots, TPESampler):
    pass


class _GP(_AllSlots, GPSampler):
    pass


class _NSGAII(_AllSlots, NSGAIISampler):
    pass


def uniform(space: Space, rng: random.Random) -> BaseSampler:
    """Return the sampler that draws uniformly."""
    return optuna.samplers.RandomSampler(seed=rng.getrandbits(32))


def tpe(space: Space, rng: random.Random) -> BaseSampler:
    """Return the tree-structured Parzen estimator, over all slots together."""
    with warnings.catch_warnings():  # options that Optuna calls experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _TPE(seed=rng.getrandbits(32), multivariate=True, constant_liar=True)
    sampler.slots = distributions(space)
    return sampler


def gp(space: Space, rng: random.Random) -> BaseSampler:
    """Return the Gaussian process."""
    with warnings.catch_warnings():  # a sampler that Optuna calls experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        sampler = _GP(seed=rng.getrandbits(32))
    sampler.slots = distributions(space)
    return sampler


def nsga2(space: Space, rng: random.Random) -> BaseSampler:
    """Return the genetic algorithm NSGA-II."""
    sampler = _NSGAII(seed=rng.getrandbits(32), population_size=NSGA2_POPULATION)
    sampler.slots = distributions(space)
    return sampler
