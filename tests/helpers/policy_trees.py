"""Grows trees by a policy with scripted outcomes, as a search would, without one."""

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from aira_dsl.agents.policies import Policy
from aira_dsl.agents.tree import Node, Operation, Tree

Outcome = Callable[[int, Operation, Tree], float | None]
"""What a trial gets: a score (larger is better), or None for a failure."""


def grow(policy: Policy, outcome: Outcome, steps: int, *, seed: int = 0) -> Tree:
    """Run a policy for so many trials, one after the other; ends early if it is done."""
    tree = Tree([])
    for _ in range(steps):
        operation = ask(policy, tree, seed)
        if operation is None:
            break
        tree = finish(begin(tree, operation), len(tree.nodes), outcome)
    return tree


def ask(policy: Policy, tree: Tree, seed: int = 0) -> Operation | None:
    """Ask a policy as a search does: its randomness follows from the seed and the place."""
    return policy.next(tree, random.Random(f"{seed}:{len(tree.nodes)}"))


def begin(tree: Tree, operation: Operation) -> Tree:
    """Add a running node."""
    node = Node(number=len(tree.nodes), kind=operation.kind, parents=operation.parents)
    return Tree([*tree.nodes, node])


def finish(tree: Tree, number: int, outcome: Outcome) -> Tree:
    """Finish a running node."""
    node = tree.nodes[number]
    score = outcome(number, Operation(node.kind, node.parents), tree)
    done = replace(
        node, state="buggy" if score is None else "valid", fitness=score, score=score,
        status="invalid" if score is None else "ok",
    )  # fmt: skip
    return Tree([*tree.nodes[:number], done, *tree.nodes[number + 1 :]])


def scripted(scores: Sequence[float | None]) -> Outcome:
    """Give trial k the k-th score."""
    return lambda number, operation, tree: scores[number]


def steps_of(tree: Tree) -> list[str]:
    """Write a tree as a list such as `["draft", "improve 0", "crossover 1 2"]`."""
    return [" ".join([node.kind, *map(str, node.parents)]) for node in tree.nodes]
