"""The search tree that a journal spells out, and the operations that make it grow.

A node is a trial. Its parents are the trials that its operation started from: none for a draft, two
for a crossover, one otherwise. A node without a score is running or buggy: the proposal could not
be used, or the evaluation failed. The tree is all the state that a policy has.
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
    """What a proposer is asked to do.

    Attributes:
        kind: draft, improve, debug or crossover.
        parents: numbers of the trials to start from: 0, 1, 1 and 2 of them.
        memory: what the proposer is told of the other trials: nothing, all of them, or the
            parent's debugging chain.
    """

    kind: OperationKind
    parents: tuple[int, ...] = ()
    memory: MemoryKind = "all"


@dataclass(frozen=True)
class Node:
    """A trial as policies and prompts see it.

    Attributes:
        number: of the trial.
        kind: the operation that made it.
        parents: the trials it was made from.
        state: running, valid (it has a score) or buggy.
        fitness: its score, turned so that larger is better; None unless valid.
        score: its score as the evaluator gave it; None unless valid.
        pattern: its layers in the pattern notation; empty if there was no usable proposal.
        text: the architecture as text, where the space does not fix the blocks; else empty.
        hypothesis: why the proposer thought it good.
        status: `ok`, `pruned`, or how it failed.
        message: what happened, for a failure.
        details: its scores by task, in words.
    """

    number: int
    kind: OperationKind
    parents: tuple[int, ...] = ()
    state: NodeState = "running"
    fitness: float | None = None
    score: float | None = None
    pattern: str = ""
    text: str = ""
    hypothesis: str = ""
    status: str = ""
    message: str = ""
    details: str = ""


@dataclass(frozen=True)
class Tree:
    """All nodes, in order of their numbers.

    Attributes:
        nodes: the node of trial k at place k.
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
        """The valid node of the largest fitness; of equals the earliest."""
        return max(self.valid, key=lambda node: (_fitness(node), -node.number), default=None)

    def children(self, node: Node) -> list[Node]:
        """Nodes made from this one, in order."""
        return self._children.get(node.number, [])

    def debug_depth(self, node: Node) -> int:
        """Number of debugging steps in a row that led to this node, itself included."""
        depth = 0
        while node.kind == "debug":
            depth, node = depth + 1, self.nodes[node.parents[0]]
        return depth

    def debugging(self, node: Node) -> list[Node]:
        """Return a node and the chain of attempts to mend it, in order."""
        chain = [node]
        while attempts := [n for n in self.children(chain[-1]) if n.kind == "debug"]:
            chain.append(attempts[0])
        return chain


def _fitness(node: Node) -> float:
    assert node.fitness is not None
    return node.fitness
