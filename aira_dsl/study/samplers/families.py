"""The samplers by their names; Optuna is imported when one is made."""

import random
from collections.abc import Callable
from pkgutil import resolve_name
from typing import TYPE_CHECKING, Literal, TypeAlias

if TYPE_CHECKING:
    from optuna.samplers import BaseSampler

    from aira_dsl.space import Space

MakeSampler: TypeAlias = "Callable[[Space, random.Random], BaseSampler]"
"""Returns a sampler for one proposal; the generator decides its random choices."""

SAMPLERS: dict[str, str] = {
    "random": "aira_dsl.study.samplers.optuna_samplers:uniform",
    "tpe": "aira_dsl.study.samplers.optuna_samplers:tpe",
    "gp": "aira_dsl.study.samplers.optuna_samplers:gp",
    "nsga2": "aira_dsl.study.samplers.optuna_samplers:nsga2",
    "evolution": "aira_dsl.study.samplers.evolution:evolution",
}
"""Where the function of each sampler is (`MakeSampler`), by the values of `--sampler`."""

if TYPE_CHECKING:
    SamplerName = str
else:
    SamplerName = Literal[tuple(SAMPLERS)]

_TRIES = 20
_TRIES_OF = {"gp": 2}  # a Gaussian process is slow and repeats itself


def make_sampler(
    sampler: "SamplerName | MakeSampler", space: "Space", rng: random.Random
) -> "BaseSampler":
    """Return a sampler for one proposal; `rng` decides its random choices.

    Args:
        sampler: a name in `SAMPLERS`, or the function of another sampler.
        space: where it proposes.
        rng: source of its randomness.
    """
    make: MakeSampler = resolve_name(SAMPLERS[sampler]) if isinstance(sampler, str) else sampler
    return make(space, rng)


def tries_of(sampler: "SamplerName | MakeSampler") -> int:
    """Return how many times a sampler is asked for an arrangement that was not tried."""
    return _TRIES_OF.get(sampler, _TRIES) if isinstance(sampler, str) else _TRIES
