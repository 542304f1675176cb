"""The rule about duplicates: ask a sampler again, then take the nearest new arrangement."""

import random
from collections.abc import Set
from typing import Any

import optuna
from optuna.distributions import BaseDistribution
from optuna.samplers import BaseSampler
from optuna.trial import FrozenTrial

from aira_dsl.space import Space
from aira_dsl.study.arrangements import Layers, distributions, slot_name
from aira_dsl.study.nearest_arrangement import is_new, nearest_new
from aira_dsl.study.samplers.whole import WholeSampler


class NewArrangementSampler(WholeSampler):
    """Asks another sampler until it proposes something new and allowed.

    If it does not, the nearest new arrangement around its last proposal is taken.

    Args:
        base: the other sampler.
        space: where to propose, with its constraints.
        seen: fingerprints of the trials so far.
        rng: source of the randomness of the moves.
        tries: how many times the other sampler is asked.

    Attributes:
        duplicates: proposals of the other sampler that had been tried before.
        exhausted: whether nothing new was found in the whole space.
    """

    def __init__(
        self, base: BaseSampler, space: Space, seen: Set[str], rng: random.Random, tries: int
    ) -> None:
        self._base = base
        self._space = space
        self._seen = seen
        self._rng = rng
        self._tries = tries
        self.duplicates = 0
        self.exhausted = False

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        """Return all slots."""
        return distributions(self._space)

    def before_trial(self, study: optuna.Study, trial: FrozenTrial) -> None:
        """Let the other sampler prepare."""
        self._base.before_trial(study, trial)

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        """Return a new arrangement, unless `exhausted`."""
        layers = self._ask(study, trial, search_space)
        for _ in range(self._tries - 1):
            if is_new(self._space, layers, self._seen):
                break
            self.duplicates += self._space.allows(layers)
            layers = self._ask(study, trial, search_space)
        if not is_new(self._space, layers, self._seen):
            self.duplicates += self._space.allows(layers)
            nearest = nearest_new(self._space, layers, self._seen, self._rng)
            self.exhausted = nearest is None
            layers = nearest or layers
        return {slot_name(slot): name for slot, name in enumerate(layers)}

    def _ask(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> Layers:
        """Ask for all slots at once, and one by one for those the sampler left open."""
        known = self._base.infer_relative_search_space(study, trial)
        params = self._base.sample_relative(study, trial, known)
        for name, distribution in search_space.items():
            if name not in params:
                params[name] = self._base.sample_independent(study, trial, name, distribution)
        return tuple(params[name] for name in search_space)
