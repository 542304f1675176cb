"""Greedy tree search: some drafts, then mend what is broken, else improve the best.

It is AIDE's policy, which aira-dojo ships as Greedy. Broken drafts count as drafts. Differences:
the debugging depth is that of the class (3), not of the shipped configuration (20), since an
architecture text is cheap to mend and a text that three attempts do not mend is not worth more;
the probability of debugging is the configuration's (1), not the class's (0.5).
"""

import random
from dataclasses import dataclass

from aira_dsl.agents.policies.base import debug
from aira_dsl.agents.tree import Node, Operation, Tree


@dataclass(frozen=True)
class Greedy:
    """Greedy tree search.

    Attributes:
        drafts: how many to begin with.
        debug_probability: of looking for something to mend before improving.
        debug_depth: a node after more debugging steps in a row than this is left alone.
    """

    drafts: int = 5
    debug_probability: float = 1.0
    debug_depth: int = 3

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft, a debugging step at random, or the improvement of the best."""
        if len(tree.drafts) < self.drafts:
            return Operation("draft")
        if rng.random() < self.debug_probability and (broken := self._broken(tree)):
            return debug(rng.choice(broken))
        if tree.best is None:
            return Operation("draft")
        return Operation("improve", (tree.best.number,))

    def _broken(self, tree: Tree) -> list[Node]:
        return [
            node
            for node in tree.nodes
            if node.state == "buggy"
            and not tree.children(node)
            and tree.debug_depth(node) <= self.debug_depth
        ]
