"""The search tree, and the operations that extend it.

A node is a trial. Its parents are the trials that its operation starts from: none for a draft, two
for a crossover, one otherwise. A node without a score is running or buggy: there is no usable
proposal, or the evaluation failed. The tree is the whole state of a policy.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

OperationKind = Literal["draft", "improve", "debug", "crossover"]
NodeState = Literal["running", "valid", "buggy"]
MemoryKind = Literal["none", "all", "ancestors"]


@dataclass(frozen=True)
class Operation:
    """What a proposer has to do.

    Attributes:
        kind: draft, improve, debug or crossover.
        parents: numbers of the trials to start from: 0, 1, 1 and 2 of them.
        memory: the other trials that the request describes: none, all of them, or the debugging
            chain of the parent.
    """

    kind: OperationKind
    parents: tuple[int, ...] = ()
    memory: MemoryKind = "all"


@dataclass(frozen=True)
class Node:
    """A trial in the tree.

    Attributes:
        number: number of the trial.
        kind: the operation that made it.
        parents: the trials it was made from.
        state: running, valid (it has a score) or buggy.
        fitness: its score, negated if lower is better; None unless valid.
        score: its score from the evaluator; None unless valid.
        candidate: what was evaluated, as text for a request; empty without a usable proposal.
        hypothesis: why the proposer expected a good score.
        status: `ok`, `pruned`, or how it failed.
        message: details of a failure.
        details: its scores by task, as text.
    """

    number: int
    kind: OperationKind
    parents: tuple[int, ...] = ()
    state: NodeState = "running"
    fitness: float | None = None
    score: float | None = None
    candidate: str = ""
    hypothesis: str = ""
    status: str = ""
    message: str = ""
    details: str = ""


@dataclass(frozen=True)
class Tree:
    """All nodes, in order of their numbers.

    Attributes:
        nodes: trial k is `nodes[k]`.
    """

    nodes: Sequence[Node]

    @cached_property
    def _children(self) -> dict[int, list[Node]]:
        found: dict[int, list[Node]] = {}
        for node in self.nodes:
            for parent in dict.fromkeys(node.parents):
                found.setdefault(parent, []).append(node)
        return found

    @property
    def drafts(self) -> list[Node]:
        """The children of the root."""
        return [node for node in self.nodes if node.kind == "draft"]

    @property
    def valid(self) -> list[Node]:
        """Nodes with a score."""
        return [node for node in self.nodes if node.state == "valid"]

    @property
    def best(self) -> Node | None:
        """The valid node of the largest fitness; the earliest of equal ones."""
        return max(self.valid, key=lambda node: (_fitness(node), -node.number), default=None)

    def parents(self, operation: Operation) -> list[Node]:
        """Return the nodes that an operation starts from."""
        return [self.nodes[number] for number in operation.parents]

    def children(self, node: Node) -> list[Node]:
        """Nodes made from this one, in order."""
        return self._children.get(node.number, [])

    def debug_depth(self, node: Node) -> int:
        """Number of consecutive debugging steps that end with this node."""
        depth = 0
        while node.kind == "debug":
            depth, node = depth + 1, self.nodes[node.parents[0]]
        return depth

    def debugging_chain(self, node: Node) -> list[Node]:
        """Return a node and the attempts to repair it, in order."""
        chain = [node]
        while attempts := [n for n in self.children(chain[-1]) if n.kind == "debug"]:
            chain.append(attempts[0])
        return chain


def _fitness(node: Node) -> float:
    assert node.fitness is not None
    return node.fitness
