"""Baselines without a search: one draft, or many independent drafts.

They show what a policy adds to its model. The published one-shot agent is a single draft with one
evaluation; best-of-n repeats it as often as the budget of a search allows. Neither debugs.
"""

import random
from dataclasses import dataclass

from aira_dsl.agents.tree import Operation, Tree

INDEPENDENT = Operation("draft", memory="none")


@dataclass(frozen=True)
class OneShot:
    """One draft."""

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft if there is none."""
        return None if tree.nodes else INDEPENDENT


@dataclass(frozen=True)
class BestOfN:
    """Independent drafts, as many as the budget allows."""

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return a draft."""
        return INDEPENDENT
