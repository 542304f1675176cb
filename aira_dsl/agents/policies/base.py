"""The interface of a policy, and the debugging cycle that tree search and evolution share."""

import random
from typing import Protocol

from aira_dsl.agents.tree import Node, Operation, Tree


class Policy(Protocol):
    """Chooses the next operation.

    It depends on the tree and on `rng` only: the same tree and the same state of `rng` give the
    same operation.
    """

    def next(self, tree: Tree, rng: random.Random) -> Operation | None:
        """Return the next operation.

        None means that the next operation depends on a running node; if no node is running, the
        policy is done.
        """


def debug(node: Node) -> Operation:
    """Return the operation that repairs a buggy node."""
    return Operation("debug", (node.number,), memory="ancestors")


def continue_debugging(tree: Tree, node: Node, attempts: int) -> Operation | None:
    """Return the next step of a node's debugging cycle, of at most `attempts` steps.

    None if the node is valid, still running, or out of attempts.
    """
    chain = tree.debugging_chain(node)
    if chain[-1].state == "buggy" and len(chain) <= attempts:
        return debug(chain[-1])
    return None


def is_settled(tree: Tree, node: Node) -> bool:
    """Return whether a debugging cycle that `continue_debugging` does not continue has ended."""
    return tree.debugging_chain(node)[-1].state != "running"
