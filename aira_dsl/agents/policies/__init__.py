"""Policies: what to do next, as pure functions of the tree so far.

A policy keeps nothing between calls: it reads its state off the tree, so that a killed search goes
on where it stood and several workers share one tree. Algorithms and defaults are those that
aira-dojo ships (facebookresearch/aira-dojo); each module names where it differs and why.
"""

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
"""Every policy with its default parameters, by the name that `--policy` takes."""

__all__ = ["MCTS", "POLICIES", "BestOfN", "Evolution", "Greedy", "OneShot", "Policy"]
