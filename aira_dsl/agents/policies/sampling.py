"""No search at all: one draft, or many that know nothing of each other.

They are the baselines that tell what a policy adds to its model. The published one-shot agent is a
single draft, scored once; best-of-n is the same with more luck, at the budget of a search. Neither
mends what is broken.
"""

import random
from dataclasses import dataclass

from aira_dsl.agents.tree import Operation, Tree

ALONE = Operation("draft", memory="none")


@dataclass(frozen=True)
class OneShot:
    """One draft."""

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft if there is none."""
        return None if tree.nodes else ALONE


@dataclass(frozen=True)
class BestOfN:
    """Drafts that know nothing of each other, as many as the budget allows."""

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft."""
        return ALONE
