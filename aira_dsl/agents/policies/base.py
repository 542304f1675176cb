"""What a policy is, and the debugging cycle that tree search and evolution have in common."""

import random
from typing import Protocol

from aira_dsl.agents.tree import Node, Operation, Tree


class Policy(Protocol):
    """Names the next operation.

    A policy may only look at the tree, and draw from `rng`; the same tree and the same state of
    `rng` give the same operation.
    """

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return what to do next.

        None means that nothing can be decided before a running node has finished; if none is
        running, the policy is done.
        """


def debug(node: Node) -> Operation:
    """Ask for another try at what a buggy node wanted."""
    return Operation("debug", (node.number,), memory="ancestors")


def mending(tree: Tree, node: Node, attempts: int) -> Operation | None:
    """Continue a node's debugging cycle: mend it until it is valid, at most so many times.

    Returns None if it is valid, still running, or given up.
    """
    chain = tree.debugging_chain(node)
    if chain[-1].state == "buggy" and len(chain) <= attempts:
        return debug(chain[-1])
    return None


def is_settled(tree: Tree, node: Node) -> bool:
    """Tell whether a node whose debugging cycle has nothing to continue has come to its end."""
    return tree.debugging_chain(node)[-1].state != "running"
