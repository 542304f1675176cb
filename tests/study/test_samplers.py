"""Every sampler through one suite: a new one gets these for free."""

import copy
import random
from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import pairwise
from typing import Any, get_args

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.architecture import SpaceDefinition
from aira_dsl.evaluation.direction import Direction
from aira_dsl.primitives import MLP, Attention, Mamba2
from aira_dsl.space import Space
from aira_dsl.study.arrangements import distributions, layers_of, slot_name
from aira_dsl.study.options import SamplerName
from aira_dsl.study.samplers import SamplerSource, propose
from aira_dsl.study.samplers.evolution import RegularizedEvolutionSampler, population_size
from aira_dsl.study.samplers.new_arrangements import NewArrangementSampler
from aira_dsl.study.samplers.replica import Replica
from aira_dsl.study.samplers.whole import WholeSampler

SAMPLERS: tuple[SamplerName, ...] = get_args(SamplerName)
BLOCKS = {"A": Attention(), "M": MLP(), "Mb": Mamba2()}

Score = Callable[[Sequence[str]], float]


def make_space(slots: int, *rules: str, blocks: str = "A M Mb") -> Space:
    chosen = {name: BLOCKS[name] for name in blocks.split()}
    return Space(SpaceDefinition(name="test", blocks=chosen, slots=slots)).where(*rules)


def trial_of(
    space: Space, layers: Sequence[str], value: float | None, attributes: dict[str, object]
) -> FrozenTrial:
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
    sampler: SamplerName,
    score: Score,
    budget: int,
    *,
    seed: int = 0,
    direction: Direction = Direction.MAXIMIZE,
) -> list[FrozenTrial]:
    trials: list[FrozenTrial] = []
    while len(trials) < budget:
        proposal = propose(space, sampler, trials, direction=direction, seed=seed)
        if proposal is None:
            break
        trial = trial_of(space, proposal.layers, score(proposal.layers), proposal.system_attrs)
        trial.number = len(trials)
        trials.append(trial)
    return trials


def motif(layers: Sequence[str]) -> float:
    """Reward position-dependent structure: A before M, Mb early."""
    pairs = sum(a == "A" and b == "M" for a, b in pairwise(layers))
    early = sum(name == "Mb" for name in layers[: len(layers) // 3])
    return pairs + 0.5 * early


def enough(sampler: SamplerName, trials: int) -> int:
    """Return how many trials to simulate; gp fits a model for each after the tenth."""
    return 13 if sampler == "gp" else trials


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_no_arrangement_is_proposed_twice(sampler: SamplerName) -> None:
    budget = enough(sampler, 30)
    trials = simulate(make_space(4), sampler, motif, budget)
    assert len({layers_of(t) for t in trials}) == len(trials) == budget


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_space_is_used_up_exactly_and_then_nothing_is_proposed(sampler: SamplerName) -> None:
    space = make_space(3, "A<=1", blocks="A M")
    trials = simulate(space, sampler, motif, 50)
    assert len(trials) == space.count == 4


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_the_smallest_space_has_one_arrangement(sampler: SamplerName) -> None:
    assert len(simulate(make_space(1, blocks="M"), sampler, motif, 5)) == 1
    assert len(simulate(make_space(3, blocks="M"), sampler, motif, 5)) == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_constraints_hold_for_every_proposal(sampler: SamplerName) -> None:
    space = make_space(8, "A<=2", "parameters<=521_000")
    budget = enough(sampler, 25)
    trials = simulate(space, sampler, lambda layers: layers.count("A"), budget)
    assert len(trials) == budget
    assert all(space.allows(layers_of(t)) for t in trials)


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_proposal_follows_from_trials_and_seed_alone(sampler: SamplerName) -> None:
    space = make_space(6)
    budget = enough(sampler, 24)
    whole = simulate(space, sampler, motif, budget)
    for resumed_at in (1, 11, budget - 1):
        again = propose(space, sampler, whole[:resumed_at], direction=Direction.MAXIMIZE, seed=0)
        assert again is not None
        assert again.layers == layers_of(whole[resumed_at])
    assert [layers_of(t) for t in simulate(space, sampler, motif, budget, seed=1)] != [
        layers_of(t) for t in whole
    ]


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_failures_are_no_obstacle(sampler: SamplerName) -> None:
    space = make_space(4)
    trials: list[FrozenTrial] = []
    for number in range(20):
        proposal = propose(space, sampler, trials, direction=Direction.MAXIMIZE, seed=0)
        assert proposal is not None
        value = None if number % 2 else motif(proposal.layers)
        trials.append(trial_of(space, proposal.layers, value, proposal.system_attrs))
        trials[-1].number = number
    assert len({layers_of(t) for t in trials}) == 20


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sampler", "direction"),
    [
        (sampler, direction)
        for sampler in SAMPLERS
        for direction in Direction
        if sampler != "random" and (sampler, direction) != ("gp", Direction.MINIMIZE)  # slow
    ],
)
def test_learning_samplers_beat_random_in_both_directions(
    sampler: SamplerName, direction: Direction
) -> None:
    """Mean score of the last quarter, over three seeds, against random's."""
    space, sign = make_space(9), direction.sign
    budget = {"gp": 48, "evolution": 160}.get(sampler, 100)

    def late_mean(name: SamplerName) -> float:
        late = []
        for seed in range(3):
            trials = simulate(
                space, name, lambda x: sign * motif(x), budget, seed=seed, direction=direction
            )
            late += [sign * t.values[0] for t in trials[-budget // 4 :]]
        return sum(late) / len(late)

    assert late_mean(sampler) > late_mean("random") + 0.5


def distance(a: Sequence[str], b: Sequence[str]) -> int:
    return sum(x != y for x, y in zip(a, b, strict=True))


def test_parents_are_the_better_ones_of_the_youngest_and_children_are_mutations() -> None:
    space, rng = make_space(24), random.Random(0)
    study = optuna.create_study(direction="maximize")
    study.add_trial(trial_of(space, space.draw(rng), 100.0, {}))  # the best, but too old
    for value in range(10):
        study.add_trial(trial_of(space, space.draw(rng), float(value), {}))
    known = [layers_of(trial) for trial in study.trials]
    parents, kinds = set(), set()
    for seed in range(200):
        sampler = RegularizedEvolutionSampler(space.names, space.draw, random.Random(seed))
        child = tuple(sampler.sample_relative(study, study.trials[-1], {}).values())
        parent = min(range(len(known)), key=lambda number: distance(known[number], child))
        changed = [slot for slot in range(24) if child[slot] != known[parent][slot]]
        if len(changed) == 2:
            first, second = changed
            swapped = child[first], child[second]
            assert swapped == (known[parent][second], known[parent][first]), (seed, parent)
        parents.add(parent)
        kinds.add(len(changed))
    assert kinds == {1, 2}
    assert parents == set(range(2, 11))  # neither the oldest nor the worst of a tournament of two


def test_the_population_grows_with_the_search_up_to_that_of_the_paper() -> None:
    sizes = [population_size(finished) for finished in (0, 10, 40, 100, 256, 10_000)]
    assert sizes == [10, 10, 10, 25, 64, 64]


def test_evolution_draws_ten_trials_at_random_and_then_evolves() -> None:
    space, rng = make_space(12), random.Random(0)
    study = optuna.create_study(direction="maximize")
    for number in range(11):
        sampler = RegularizedEvolutionSampler(space.names, space.draw, random.Random(7))
        layers = tuple(sampler.sample_relative(study, None, {}).values())  # type: ignore[arg-type]
        assert (layers == space.draw(random.Random(7))) == (number < 10)
        study.add_trial(trial_of(space, space.draw(rng), 0.0, {}))


class Stubborn(WholeSampler):
    """Proposes one arrangement, whatever is known."""

    def __init__(self, layers: Sequence[str]) -> None:
        self._layers = layers

    def infer_relative_search_space(
        self, study: optuna.Study, trial: FrozenTrial
    ) -> dict[str, BaseDistribution]:
        return {}

    def sample_relative(
        self, study: optuna.Study, trial: FrozenTrial, search_space: dict[str, BaseDistribution]
    ) -> dict[str, Any]:
        return {slot_name(slot): name for slot, name in enumerate(self._layers)}


@pytest.mark.parametrize("tries", [1, 20])
def test_duplicates_are_counted_and_then_the_nearest_new_arrangement_is_taken(tries: int) -> None:
    space = make_space(6)
    first = space.layers(5)
    replica = Replica(distributions(space), Direction.MAXIMIZE)

    def asked(seen: set[str]) -> tuple[tuple[str, ...], int]:
        sampler = NewArrangementSampler(Stubborn(first), space, seen, random.Random(0), tries)
        return layers_of(replica.ask(sampler)), sampler.duplicates

    assert asked(set()) == (first, 0)
    moved, duplicates = asked({space.architecture(first).fingerprint})
    assert duplicates == tries
    assert sum(a != b for a, b in zip(first, moved, strict=True)) == 1


@pytest.mark.parametrize("sampler", SAMPLERS)
def test_a_source_that_follows_proposes_as_one_that_starts_anew(sampler: SamplerName) -> None:
    """Also when trials of other workers are running, fail, or end late."""
    space, rng = make_space(4), random.Random(1)
    source = SamplerSource(space, sampler, direction=Direction.MAXIMIZE, seed=0)
    trials: list[FrozenTrial] = []
    for number in range(16):
        following = source.proposal(trials)
        assert following == propose(space, sampler, trials, direction=Direction.MAXIMIZE, seed=0)
        assert following is not None
        if number == 7:  # another worker was first
            following = replace(following, layers=space.layers(80))
        value = motif(following.layers) if rng.random() < 0.7 else None
        trial = trial_of(space, following.layers, value, following.system_attrs)
        trial.number = number
        if number % 5 == 3:
            trial.state, trial.values = TrialState.RUNNING, None
        elif number % 5 == 0 and trials[-3:]:
            late = copy.copy(trials[number - 2])
            late.state, late.values = TrialState.COMPLETE, [0.5]
            trials[number - 2] = late
        trials.append(trial)
