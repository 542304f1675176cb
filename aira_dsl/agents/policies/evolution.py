"""Evolution by generations: five individuals each, by mutation or crossover.

Parents are drawn from the population without replacement, with a softmax of their fitness, scaled
to [0, 1] by the best and the worst score seen, over the temperature. From generation 2 on (counted
from 0) every other child, on average, is a crossover of two. A buggy child is debugged until it is
valid or out of attempts; a valid one joins the population if it is at least as good as its mean.

The population is computed from the tree, generation by generation. Differences from aira-dojo:
there is one island, its default, and so no migration; parents of a generation are drawn from the
earlier generations, so that several workers can make its children at the same time. The temperature
stays at 1, the default of start and end; the budget ends the last generation.
"""

import math
import random
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import count

from aira_dsl.agents.policies.base import continue_debugging, is_settled
from aira_dsl.agents.tree import Node, Operation, Tree


@dataclass(frozen=True)
class Evolution:
    """Evolution by generations.

    Attributes:
        individuals: size of a generation.
        capacity: largest size of the population; the worst are dropped.
        crossover_probability: probability that a child has two parents.
        first_crossover: the first generation with crossovers.
        temperature: of the softmax that draws parents; near 0 only the best is drawn.
        debug_attempts: upper bound of the debugging steps of one child.
    """

    individuals: int = 5
    capacity: int = 500
    crossover_probability: float = 0.5
    first_crossover: int = 2
    temperature: float = 1.0
    debug_attempts: int = 10

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return the next step of the current generation."""
        population: list[Node] = []
        seen: list[float] = []
        for generation, members in self._generations(tree):
            for member in members:
                if (operation := continue_debugging(tree, member, self.debug_attempts)) is not None:
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
        """Return the population after its newcomers have been compared with it, one by one."""
        alive = list(population)
        for node in newcomers:
            if node.fitness is None:
                continue
            scores = [_fitness(each) for each in alive]
            if not scores or node.fitness >= sum(scores) / len(scores):
                alive.append(node)
                # Among equal ones the older stay.
                alive.sort(key=lambda each: (-_fitness(each), each.number))
                alive = alive[: self.capacity]
        return alive

    def parents(
        self, population: Sequence[Node], number: int, seen: Sequence[float], rng: random.Random
    ) -> tuple[int, ...]:
        """Draw distinct parents; `seen` are all scores so far, also of dropped individuals."""
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
