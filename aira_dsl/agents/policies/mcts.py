"""Monte Carlo tree search without rollouts: a node's own score is its value.

From the root, follow the child of the largest

    UCT(child) = Q̂(child) + c · sqrt(ln N(parent) / N(child))

to a leaf, make five children of it, and add the score of each valid one to every node on the path.
Q̂ is the mean score of a node, scaled to [0, 1] by the best and the worst score seen (0.5 while
there is one). A broken child is mended until it is valid or given up.

The statistics are not kept but computed: the tree's rounds of five are replayed from the first.
Differences from aira-dojo: scores are turned before they are scaled, so that Q̂ stays in [0, 1] for
losses, too; a subtree that has no valid node is not entered, the node above it gets five more.
Several workers fill a round side by side; the next one begins when all of it is finished.
"""

import math
import random
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, field

from aira_dsl.agents.policies.base import is_settled, mending
from aira_dsl.agents.tree import Node, Operation, Tree

ROOT = -1


@dataclass(frozen=True)
class MCTS:
    """Monte Carlo tree search.

    Attributes:
        children: made of a leaf in one round.
        exploration: the constant c of UCT.
        debug_attempts: at most so many to mend one child.
    """

    children: int = 5
    exploration: float = 0.25
    debug_attempts: int = 20

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return the next step of the round that is not finished yet."""
        statistics, rounds = Statistics(), Counter[int]()
        while True:
            path = self.select(tree, statistics)
            leaf = path[-1]
            begin = self.children * rounds[leaf]
            round_ = _offspring(tree, leaf)[begin : begin + self.children]
            for child in round_:
                if (operation := mending(tree, child, self.debug_attempts)) is not None:
                    return operation
            if len(round_) < self.children:
                return Operation("draft") if leaf == ROOT else Operation("improve", (leaf,))
            if not all(is_settled(tree, child) for child in round_):
                return None
            for child in round_:
                statistics.add(path, tree.debugging_chain(child))
            rounds[leaf] += 1

    def select(self, tree: Tree, statistics: "Statistics") -> list[int]:
        """Return the path from the root to the leaf that UCT leads to, by their numbers."""
        path = [ROOT]
        while alive := [n for n in _below(tree, path[-1]) if statistics.visits[n.number]]:
            path.append(max(alive, key=lambda n: self.uct(path[-1], n, statistics)).number)
        return path

    def uct(self, parent: int, child: Node, statistics: "Statistics") -> float:
        """Return the upper confidence bound of a child that was visited."""
        visits = statistics.visits
        bonus = math.sqrt(math.log(visits[parent]) / visits[child.number])
        return statistics.value(child.number) + self.exploration * bonus


@dataclass
class Statistics:
    """Visits and scores of the nodes, as far as the tree was replayed."""

    visits: Counter[int] = field(default_factory=Counter)
    totals: defaultdict[int, float] = field(default_factory=lambda: defaultdict(float))
    seen: list[float] = field(default_factory=list)

    def add(self, path: Sequence[int], chain: Sequence[Node]) -> None:
        """Credit the path, and a child with what mended it, if it was mended."""
        fitness = chain[-1].fitness
        if fitness is None:
            return
        self.seen.append(fitness)
        for number in [*path, *(node.number for node in chain)]:
            self.visits[number] += 1
            self.totals[number] += fitness

    def value(self, number: int) -> float:
        """Return the mean score of a visited node, 0 for the worst seen, 1 for the best."""
        low, high = min(self.seen), max(self.seen)
        mean = self.totals[number] / self.visits[number]
        return 0.5 if low == high else (mean - low) / (high - low)


def _below(tree: Tree, number: int) -> list[Node]:
    return tree.drafts if number == ROOT else tree.children(tree.nodes[number])


def _offspring(tree: Tree, leaf: int) -> list[Node]:
    """Return the children that rounds made of a leaf; those that mend it are none."""
    return [node for node in _below(tree, leaf) if node.kind != "debug"]
