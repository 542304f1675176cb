"""A sampler as the source of a search: a proposal is a pure function of the trials and the seed.

The sampler is asked in a copy of the study in memory, so that a resumed search continues exactly
where it stood, and a proposal is added to the shared study whole or not at all. Duplicates and
arrangements that break a constraint are refused here, for every sampler alike.
"""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.direction import Direction
from aira_dsl.space import Space
from aira_dsl.study.arrangements import USED_UP, Arrangements, Layers, layers_of
from aira_dsl.study.candidate import Candidate, NewTrial
from aira_dsl.study.samplers.families import MakeSampler, SamplerName, make_sampler, tries_of
from aira_dsl.study.samplers.new_arrangements import NewArrangementSampler
from aira_dsl.study.samplers.replica import Replica
from aira_dsl.study.source import Ended
from aira_dsl.training.threads import one_thread


@dataclass(frozen=True)
class Proposal:
    """An arrangement to evaluate.

    Attributes:
        layers: block names, first layer first.
        system_attrs: what the sampler remembers of it.
        duplicates: proposals of the sampler that had been tried before.
    """

    layers: Layers
    system_attrs: dict[str, Any]
    duplicates: int


class SamplerSource:
    """Trials that a sampler proposes.

    Args:
        space: where to propose, with its constraints.
        sampler: name of the sampler, or the function of one that is not registered.
        direction: which way scores get better.
        seed: together with the number of trials it decides every random choice.
    """

    waiting = 0

    def __init__(
        self, space: Space, sampler: SamplerName | MakeSampler, *, direction: Direction, seed: int
    ) -> None:
        self._space = space
        self._arrangements = Arrangements(space)
        self._sampler = sampler
        self._seed = seed
        self._replica = Replica(self._arrangements.distributions, direction)

    def proposal(self, trials: Sequence[FrozenTrial]) -> Proposal | None:
        """Return an arrangement that no trial has; None if the space is used up."""
        self._replica.follow(trials)
        seen = self._replica.fingerprints
        if len(seen) >= self._space.count:
            return None
        # Seeded by the number of trials: a resumed search draws what it would have drawn.
        rng = random.Random(f"{self._seed}:{len(trials)}")
        asking = NewArrangementSampler(
            make_sampler(self._sampler, self._space, rng),
            self._space,
            seen,
            rng,
            tries_of(self._sampler),
        )
        with one_thread():  # the other cores train candidates
            asked = self._replica.ask(asking)
        if asking.exhausted:
            return None
        return Proposal(layers_of(asked), dict(asked.system_attrs), asking.duplicates)

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[Architecture] | Ended | None:
        """Return a trial of an arrangement that no trial has."""
        found = self.proposal(trials)
        if found is None:
            return Ended(USED_UP)
        return self._arrangements.new_trial(
            self._space.architecture(found.layers),
            user_attrs={"duplicates": found.duplicates},
            system_attrs=found.system_attrs,
        )

    def advance(self, trial: FrozenTrial) -> Candidate[Architecture]:
        """Return the candidate of a trial."""
        return self.candidate(trial)

    def ready(self, timeout: float) -> list[int]:
        """Return nothing: no trial of a sampler waits."""
        return []

    def candidate(self, trial: FrozenTrial) -> Candidate[Architecture]:
        """Return the candidate of a trial."""
        return self._arrangements.candidate(trial)

    def on_end(self, trial: FrozenTrial) -> None:
        """Do nothing."""


def propose(
    space: Space,
    sampler: SamplerName | MakeSampler,
    trials: Sequence[FrozenTrial],
    *,
    direction: Direction,
    seed: int,
) -> Proposal | None:
    """Return one proposal of a sampler; as for `SamplerSource`."""
    return SamplerSource(space, sampler, direction=direction, seed=seed).proposal(trials)
