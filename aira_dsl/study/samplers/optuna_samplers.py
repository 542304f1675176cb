"""Optuna's own samplers, set up for arrangements."""

import random
import warnings

import optuna
from optuna.samplers import BaseSampler

from aira_dsl.space import Space

NSGA2_POPULATION = 20  # so that a budget of some hundred holds several generations


def uniform(space: Space, rng: random.Random) -> BaseSampler:
    """Return the sampler that draws uniformly."""
    return optuna.samplers.RandomSampler(seed=rng.getrandbits(32))


def tpe(space: Space, rng: random.Random) -> BaseSampler:
    """Return the tree-structured Parzen estimator, over all slots together."""
    with warnings.catch_warnings():  # options that Optuna calls experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.TPESampler(
            seed=rng.getrandbits(32), multivariate=True, constant_liar=True
        )


def gp(space: Space, rng: random.Random) -> BaseSampler:
    """Return the Gaussian process."""
    with warnings.catch_warnings():  # a sampler that Optuna calls experimental
        warnings.simplefilter("ignore", optuna.exceptions.ExperimentalWarning)
        return optuna.samplers.GPSampler(seed=rng.getrandbits(32))


def nsga2(space: Space, rng: random.Random) -> BaseSampler:
    """Return the genetic algorithm NSGA-II."""
    return optuna.samplers.NSGAIISampler(seed=rng.getrandbits(32), population_size=NSGA2_POPULATION)
