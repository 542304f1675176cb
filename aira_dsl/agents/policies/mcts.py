"""Monte Carlo tree search without rollouts: a node's own score is its value.

From the root, follow the child with the largest

    UCT(child) = Q̂(child) + c · sqrt(ln N(parent) / N(child))

to a leaf, make five children of it, and add the score of each valid one to every node on the path.
Q̂ is the mean score of a node, scaled to [0, 1] by the best and the worst score seen (0.5 while
there is one). A buggy child is debugged until it is valid or out of attempts.

The statistics are not stored: each call replays the rounds of five from the first. Differences from
aira-dojo: losses are negated before they are scaled, so that Q̂ stays in [0, 1]; a subtree without a
valid node is not entered, and its parent gets five more children. Several workers work on one round
at the same time; the next round begins when all its children are finished.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from aira_dsl.agents.policies.base import continue_debugging, is_settled
from aira_dsl.agents.tree import Node, Operation, Tree

ROOT = -1


@dataclass(frozen=True)
class MCTS:
    """Monte Carlo tree search.

    Attributes:
        children: number of children of a leaf in one round.
        exploration: the constant c of UCT.
        debug_attempts: upper bound of the debugging steps of one child.
    """

    children: int = 5
    exploration: float = 0.25
    debug_attempts: int = 20

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return the next step of the current round."""
        statistics, rounds = Statistics(), Counter[int]()
        while True:
            path = self.select(tree, statistics)
            leaf = path[-1]
            begin = self.children * rounds[leaf]
            round_ = _offspring(tree, leaf)[begin : begin + self.children]
            for child in round_:
                if (operation := continue_debugging(tree, child, self.debug_attempts)) is not None:
                    return operation
            if len(round_) < self.children:
                return Operation("draft") if leaf == ROOT else Operation("improve", (leaf,))
            if not all(is_settled(tree, child) for child in round_):
                return None
            for child in round_:
                statistics.add(path, tree.debugging_chain(child))
            rounds[leaf] += 1

    def select(self, tree: Tree, statistics: "Statistics") -> list[int]:
        """Return the numbers of the nodes from the root to the leaf that UCT selects."""
        path = [ROOT]
        while alive := [n for n in _below(tree, path[-1]) if statistics.visits[n.number]]:
            path.append(max(alive, key=lambda n: self.uct(path[-1], n, statistics)).number)
        return path

    def uct(self, parent: int, child: Node, statistics: "Statistics") -> float:
        """Return the upper confidence bound of a visited child."""
        visits = statistics.visits
        bonus = math.sqrt(math.log(visits[parent]) / visits[child.number])
        return statistics.value(child.number) + self.exploration * bonus


@dataclass
class Statistics:
    """Visits and scores of the nodes in the replayed part of the tree."""

    visits: Counter[int] = field(default_factory=Counter)
    totals: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    seen: list[float] = field(default_factory=list)

    def add(self, path: Sequence[int], chain: Sequence[Node]) -> None:
        """Add the score of a child and its debugging chain to their nodes and to the path."""
        fitness = chain[-1].fitness
        if fitness is None:
            return
        self.seen.append(fitness)
        for number in [*path, *(node.number for node in chain)]:
            self.visits[number] += 1
            self.totals[number] += fitness

    def value(self, number: int) -> float:
        """Return the mean score of a visited node, scaled: 0 is the worst seen, 1 the best."""
        low, high = min(self.seen), max(self.seen)
        mean = self.totals[number] / self.visits[number]
        return 0.5 if low == high else (mean - low) / (high - low)


def _below(tree: Tree, number: int) -> list[Node]:
    return tree.drafts if number == ROOT else tree.children(tree.nodes[number])


def _offspring(tree: Tree, leaf: int) -> list[Node]:
    """Return the children of a leaf without the attempts to debug it."""
    return [node for node in _below(tree, leaf) if node.kind != "debug"]
