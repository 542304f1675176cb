"""The contract of every registered sampler, and what is special about some of them."""

import random
from collections.abc import Sequence
from typing import Any

import optuna
import pytest
from optuna.distributions import BaseDistribution
from optuna.trial import FrozenTrial

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.arrangements import distributions, layers_of, slot_name
from aira_dsl.study.samplers.evolution import (
    RegularizedEvolutionSampler,
    evolution,
    population_size,
)
from aira_dsl.study.samplers.families import SAMPLERS
from aira_dsl.study.samplers.new_arrangements import NewArrangementSampler
from aira_dsl.study.samplers.replica import Replica
from aira_dsl.study.samplers.whole import WholeSampler
from aira_dsl.testing.samplers import SamplerContract, make_space, make_trial, motif, simulate


class TestRegisteredSamplers(SamplerContract):
    @pytest.fixture(autouse=True, params=SAMPLERS)
    def chosen(self, request: pytest.FixtureRequest) -> None:
        self.sampler = request.param
        if self.sampler == "gp":  # it fits a model for each trial after the tenth
            self.trials = 13


class TestSamplerThatIsNotRegistered(SamplerContract):
    sampler = staticmethod(evolution)


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
    sampler: str, direction: Direction
) -> None:
    """Mean score of the last quarter, over three seeds, against random's."""
    space, sign = make_space(9), direction.sign
    budget = {"gp": 28, "evolution": 160}.get(sampler, 100)

    def late_mean(name: str) -> float:
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
    study.add_trial(make_trial(space, space.draw(rng), 100.0, {}))  # the best, but too old
    for value in range(10):
        study.add_trial(make_trial(space, space.draw(rng), float(value), {}))
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
        study.add_trial(make_trial(space, space.draw(rng), 0.0, {}))


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
