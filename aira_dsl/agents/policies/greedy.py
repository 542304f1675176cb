"""Greedy tree search: some drafts, then debug a failed node, else improve the best.

This is the policy of AIDE, named Greedy in aira-dojo. Buggy drafts count as drafts. Differences:
the debugging depth is the default of the class (3), not that of the configuration (20), since a
short text that three attempts do not repair is not worth more; the probability of debugging is that
of the configuration (1), not the default of the class (0.5).
"""

import random
from dataclasses import dataclass

from aira_dsl.agents.policies.base import debug
from aira_dsl.agents.tree import Node, Operation, Tree


@dataclass(frozen=True)
class Greedy:
    """Greedy tree search.

    Attributes:
        drafts: number of drafts before the first improvement.
        debug_probability: probability that a buggy node is debugged, if there is one.
        debug_depth: a node after more consecutive debugging steps than this is not debugged.
    """

    drafts: int = 5
    debug_probability: float = 1.0
    debug_depth: int = 3

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft, a debugging step of a random node, or an improvement of the best."""
        if len(tree.drafts) < self.drafts:
            return Operation("draft")
        if rng.random() < self.debug_probability and (buggy := self._buggy(tree)):
            return debug(rng.choice(buggy))
        if tree.best is None:
            return Operation("draft")
        return Operation("improve", (tree.best.number,))

    def _buggy(self, tree: Tree) -> list[Node]:
        return [
            node
            for node in tree.nodes
            if node.state == "buggy"
            and not tree.children(node)
            and tree.debug_depth(node) <= self.debug_depth
        ]
