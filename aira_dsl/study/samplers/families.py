"""The samplers by their names."""

import random
from collections.abc import Callable

from optuna.samplers import BaseSampler

from aira_dsl.space import Space
from aira_dsl.study.options import SamplerName
from aira_dsl.study.samplers import optuna_samplers
from aira_dsl.study.samplers.evolution import evolution

MakeSampler = Callable[[Space, random.Random], BaseSampler]

SAMPLERS: dict[SamplerName, MakeSampler] = {
    "random": optuna_samplers.uniform,
    "tpe": optuna_samplers.tpe,
    "gp": optuna_samplers.gp,
    "nsga2": optuna_samplers.nsga2,
    "evolution": evolution,
}

_TRIES = 20
_TRIES_OF: dict[SamplerName, int] = {"gp": 2}  # a Gaussian process is slow and repeats itself


def make_sampler(name: SamplerName, space: Space, rng: random.Random) -> BaseSampler:
    """Return a sampler for one proposal; `rng` decides its random choices."""
    return SAMPLERS[name](space, rng)


def tries_of(name: SamplerName) -> int:
    """Return how many times a sampler is asked for an arrangement that was not tried."""
    return _TRIES_OF.get(name, _TRIES)
