"""Policies: pure functions from the tree so far to the next operation.

A policy has no state between calls: it computes everything from the tree, so that a killed search
continues where it stopped and several workers share one tree. Algorithms and defaults are those of
aira-dojo (facebookresearch/aira-dojo); `greedy`, `mcts` and `evolution` list the differences and
the reasons. `sampling` has the baselines.
"""

from typing import TYPE_CHECKING, Literal

from aira_dsl.agents.policies.base import Policy
from aira_dsl.agents.policies.evolution import Evolution
from aira_dsl.agents.policies.greedy import Greedy
from aira_dsl.agents.policies.mcts import MCTS
from aira_dsl.agents.policies.sampling import BestOfN, OneShot

POLICIES: dict[str, Policy] = {
    "oneshot": OneShot(),
    "best-of-n": BestOfN(),
    "greedy": Greedy(),
    "mcts": MCTS(),
    "evolution": Evolution(),
}
"""The policies with their default parameters, by the values of `--policy`."""

if TYPE_CHECKING:
    PolicyName = str
else:
    PolicyName = Literal[tuple(POLICIES)]

__all__ = ["MCTS", "POLICIES", "BestOfN", "Evolution", "Greedy", "OneShot", "Policy", "PolicyName"]
