"""Contract tests of samplers, and a search without evaluations to run them in.

    class TestMySampler(SamplerContract):
        sampler = staticmethod(my_sampler)

in a test file runs all of them with pytest. `my_sampler` is a function of the space and a source of
randomness that returns an Optuna sampler (docs/search.md, "Adding a sampler").
"""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, ClassVar, TypeAlias

from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.evaluation.direction import Direction
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.space import Space
from aira_dsl.study.arrangements import distributions, layers_of
from aira_dsl.study.samplers.families import MakeSampler, SamplerName
from aira_dsl.study.samplers.sampler_source import SamplerSource, propose

BLOCKS = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}

Score: TypeAlias = Callable[[Sequence[str]], float]
"""Returns the score of an arrangement, given as block names."""


def make_space(slots: int, *rules: str, blocks: str = "A M Mb") -> Space:
    """Return a space of some of `BLOCKS`, with constraints such as `A<=1`."""
    chosen = {name: BLOCKS[name] for name in blocks.split()}
    return Space(SpaceDefinition(name="test", blocks=chosen, slots=slots)).where(*rules)


def make_trial(
    space: Space, layers: Sequence[str], value: float | None, attributes: dict[str, Any]
) -> FrozenTrial:
    """Return a finished trial; without a value it failed."""
    return create_trial(
        state=TrialState.COMPLETE if value is not None else TrialState.FAIL,
        value=value,
        params=dict(zip(distributions(space), layers, strict=True)),
        distributions=distributions(space),
        user_attrs={"fingerprint": space.architecture(layers).fingerprint},
        system_attrs=attributes,
    )


def simulate(
    space: Space,
    sampler: SamplerName | MakeSampler,
    score: Score,
    budget: int,
    *,
    seed: int = 0,
    direction: Direction = Direction.MAXIMIZE,
) -> list[FrozenTrial]:
    """Search with one worker; ends early if the space is used up."""
    trials: list[FrozenTrial] = []
    while len(trials) < budget:
        proposal = propose(space, sampler, trials, direction=direction, seed=seed)
        if proposal is None:
            break
        trial = make_trial(space, proposal.layers, score(proposal.layers), proposal.system_attrs)
        trial.number = len(trials)
        trials.append(trial)
    return trials


def motif(layers: Sequence[str]) -> float:
    """Reward position-dependent structure: A before M, Mb early."""
    pairs = sum(a == "A" and b == "M" for a, b in pairwise(layers))
    early = sum(name == "Mb" for name in layers[: len(layers) // 3])
    return pairs + 0.5 * early


class SamplerContract:
    """What every sampler must do, with the rule about duplicates around it.

    Attributes:
        sampler: the function of the sampler under test, or its name in `families.SAMPLERS`.
        trials: length of the longest simulated searches, from 13 to 81.
    """

    sampler: ClassVar[Any]
    trials: ClassVar[int] = 30

    def test_no_arrangement_is_proposed_twice(self) -> None:
        """Every trial of a search is another arrangement."""
        trials = simulate(make_space(4), self.sampler, motif, self.trials)
        assert len({layers_of(trial) for trial in trials}) == len(trials) == self.trials

    def test_a_space_is_used_up_exactly_and_then_nothing_is_proposed(self) -> None:
        """Constraints leave four arrangements; the fifth proposal is None."""
        space = make_space(3, "A<=1", blocks="A M")
        assert len(simulate(space, self.sampler, motif, 50)) == space.count == 4

    def test_the_smallest_space_has_one_arrangement(self) -> None:
        """One block leaves nothing to choose."""
        assert len(simulate(make_space(1, blocks="M"), self.sampler, motif, 5)) == 1
        assert len(simulate(make_space(3, blocks="M"), self.sampler, motif, 5)) == 1

    def test_constraints_hold_for_every_proposal(self) -> None:
        """Also where the score rewards what a constraint limits."""
        space = make_space(8, "A<=2", "parameters<=521_000")
        trials = simulate(space, self.sampler, lambda layers: layers.count("A"), self.trials)
        assert len(trials) == self.trials
        assert all(space.allows(layers_of(trial)) for trial in trials)

    def test_a_proposal_follows_from_trials_and_seed_alone(self) -> None:
        """A new sampler on the first trials proposes what followed: resumed searches rely on it."""
        space = make_space(6)
        whole = simulate(space, self.sampler, motif, self.trials)
        for resumed_at in (1, 11, self.trials - 1):
            again = propose(
                space, self.sampler, whole[:resumed_at], direction=Direction.MAXIMIZE, seed=0
            )
            assert again is not None
            assert again.layers == layers_of(whole[resumed_at])
        other = simulate(space, self.sampler, motif, self.trials, seed=1)
        assert [layers_of(trial) for trial in other] != [layers_of(trial) for trial in whole]

    def test_it_continues_when_trials_fail(self) -> None:
        """Every second trial has no score."""
        space = make_space(4)
        trials: list[FrozenTrial] = []
        for number in range(20):
            proposal = propose(space, self.sampler, trials, direction=Direction.MAXIMIZE, seed=0)
            assert proposal is not None
            value = None if number % 2 else motif(proposal.layers)
            trials.append(make_trial(space, proposal.layers, value, proposal.system_attrs))
            trials[-1].number = number
        assert len({layers_of(trial) for trial in trials}) == 20

    def test_a_source_that_follows_proposes_as_one_that_starts_anew(self) -> None:
        """Also when trials of other workers are running, fail, or end late."""
        space, rng = make_space(4), random.Random(1)
        source = SamplerSource(space, self.sampler, direction=Direction.MAXIMIZE, seed=0)
        trials: list[FrozenTrial] = []
        for number in range(16):
            following = source.proposal(trials)
            assert following is not None
            assert following == propose(
                space, self.sampler, trials, direction=Direction.MAXIMIZE, seed=0
            )
            if number == 7:  # another worker was first
                following = replace(following, layers=space.layers(80))
            value = motif(following.layers) if rng.random() < 0.7 else None
            trial = make_trial(space, following.layers, value, following.system_attrs)
            trial.number = number
            if number % 5 == 3:
                trial.state, trial.values = TrialState.RUNNING, None
            elif number % 5 == 0 and trials[-3:]:
                late = copy.copy(trials[number - 2])
                late.state, late.values = TrialState.COMPLETE, [0.5]
                trials[number - 2] = late
            trials.append(trial)
