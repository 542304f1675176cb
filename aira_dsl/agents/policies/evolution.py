"""Evolution by generations: five individuals each, by mutation or crossover.

Parents are drawn from the population without replacement, with a softmax of their fitness, scaled
to [0, 1] by the best and the worst score seen, over the temperature. From the second generation on
every other child is a crossover of two. A broken child is mended until it is valid or given up; a
valid one joins the population if it is at least as good as its mean.

The population is computed from the tree, generation by generation. Differences from aira-dojo:
there is one island, which is its default, and so no migration; parents of a generation are drawn
from the generations before it, so that several workers can make it side by side. The temperature
stays at 1, the default of start and end alike; there is no last generation but the budget's.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from aira_dsl.agents.policies.base import is_settled, mending
from aira_dsl.agents.tree import Node, Operation, Tree


@dataclass(frozen=True)
class Evolution:
    """Evolution by generations.

    Attributes:
        individuals: of a generation.
        capacity: of the population; beyond it the worst are dropped.
        crossover_probability: that a child has two parents.
        first_crossover: the first generation with crossovers.
        temperature: of the choice of parents: small for the best only, large for anyone.
        debug_attempts: at most so many to mend one child.
    """

    individuals: int = 5
    capacity: int = 500
    crossover_probability: float = 0.5
    first_crossover: int = 2
    temperature: float = 1.0
    debug_attempts: int = 10

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return the next step of the generation that is not finished yet."""
        population: list[Node] = []
        seen: list[float] = []
        for generation, members in self._generations(tree):
            for member in members:
                if (operation := mending(tree, member, self.debug_attempts)) is not None:
                    return operation
            if len(members) < self.individuals:
                return self._birth(generation, population, seen, rng)
            if not all(is_settled(tree, member) for member in members):
                return None
            ends = [tree.debugging_chain(member)[-1] for member in members]
            seen += [node.fitness for node in ends if node.fitness is not None]
            population = self.survivors(population, ends)
        raise AssertionError("generations do not end")

    def survivors(self, population: Sequence[Node], newcomers: Sequence[Node]) -> list[Node]:
        """Return the population after its newcomers were judged one by one."""
        alive = list(population)
        for node in newcomers:
            if node.fitness is None:
                continue
            scores = [_fitness(each) for each in alive]
            if not scores or node.fitness >= sum(scores) / len(scores):
                alive.append(node)
                # Of equals the older ones stay.
                alive.sort(key=lambda each: (-_fitness(each), each.number))
                alive = alive[: self.capacity]
        return alive

    def parents(
        self, population: Sequence[Node], number: int, seen: Sequence[float], rng: random.Random
    ) -> tuple[int, ...]:
        """Draw different parents; `seen` are all scores so far, those of the dropped included."""
        low, high = min(seen), max(seen)

        def weight(node: Node) -> float:
            scaled = 0.5 if low == high else (_fitness(node) - low) / (high - low)
            return math.exp(scaled / self.temperature)

        left, chosen = list(population), []
        for _ in range(number):
            (node,) = rng.choices(left, [weight(each) for each in left])
            left.remove(node)
            chosen.append(node.number)
        return tuple(chosen)

    def _generations(self, tree: Tree) -> Iterator[tuple[int, list[Node]]]:
        born = [node for node in tree.nodes if node.kind != "debug"]
        for generation in count():
            begin = generation * self.individuals
            yield generation, born[begin : begin + self.individuals]

    def _birth(
        self,
        generation: int,
        population: Sequence[Node],
        seen: Sequence[float],
        rng: random.Random,
    ) -> Operation:
        if not population:
            return Operation("draft")
        crossing = generation >= self.first_crossover and len(population) > 1
        if crossing and rng.random() < self.crossover_probability:
            return Operation("crossover", self.parents(population, 2, seen, rng))
        return Operation("improve", self.parents(population, 1, seen, rng))


def _fitness(node: Node) -> float:
    assert node.fitness is not None
    return node.fitness
