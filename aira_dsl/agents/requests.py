"""Requests to a proposer, whatever it proposes.

A request has three parts, from the most constant to the most variable, so that a provider's cache
keeps its beginning: the system text (the same bytes in every call of a search), the trials so far
(in the order of their numbers; lines are only appended), and the operation.
"""

import hashlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.models import Message, Request
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.agents.tree import Node, Operation, Tree

_NO_ANSWER = "(no answer)"  # the service refuses an empty turn

PARENT = frozenset({"parent", "hypothesis", "budget"})
"""What `Requests` fills in for a parent, besides the candidate."""

SCORED = PARENT | {"score", "details"}
"""The same for a parent with a score."""


@dataclass(frozen=True)
class Requests:
    """Writes the requests of one search.

    Attributes:
        templates: the prompt files draft, improve, debug, crossover and repair.
        system: the system text.
        memory: upper bound of the number of trials in a request: the best half, and the latest.
        seed: seed of the search.
        candidate: returns the placeholders of a prompt that show the candidate of a trial.
        line: returns a candidate as the list of the trials so far names it.
    """

    templates: PromptTemplates
    system: str
    memory: int
    seed: int
    candidate: Callable[[Node], Mapping[str, object]]
    line: Callable[[Node], str]

    def write(self, tree: Tree, assignment: Assignment) -> Request:
        """Return the request for a proposal, with the rejected answers so far."""
        number, operation, attempts = assignment.number, assignment.operation, assignment.attempts
        messages = [Message("user", self._task(tree, operation, assignment.budget))]
        for attempt in attempts:
            messages.append(Message("assistant", attempt.answer or _NO_ANSWER))
            repair = self.templates.fill("repair", complaint=attempt.complaint)
            messages.append(Message("user", repair))
        earlier = Tree([node for node in tree.nodes if node.number < number])
        return Request(
            system=self.system,
            context=self._memory(earlier, operation),
            messages=tuple(messages),
            seed=_mixed(self.seed, number, len(attempts)),
            number=number,
            attempt=len(attempts),
        )

    def _memory(self, tree: Tree, operation: Operation) -> str:
        """Return the trials so far, one a line, oldest first."""
        if operation.memory != "all":
            return ""
        known = [node for node in tree.nodes if node.state != "running"]
        if len(known) > self.memory:
            best = sorted(known, key=lambda node: (node.score is None, -(node.fitness or 0.0)))
            kept = {node.number for node in best[: self.memory // 2]}
            others = [node for node in known if node.number not in kept]
            kept |= {node.number for node in others[len(others) - self.memory + len(kept) :]}
            known = [node for node in known if node.number in kept]
        if not known:
            return ""
        return "\n".join(["Trials so far:", *map(self._line, known)]) + "\n"

    def _line(self, node: Node) -> str:
        parents = " and ".join(map(str, node.parents))
        origin = f"{node.kind} of {parents}" if parents else node.kind
        outcome = f"score {node.score:.4f}" if node.score is not None else _failure(node)
        told = f"- trial {node.number} ({origin}): {self.line(node)}: {outcome}. {node.hypothesis}"
        return told.rstrip()

    def _task(self, tree: Tree, operation: Operation, budget: str) -> str:
        parents = [tree.nodes[number] for number in operation.parents]
        values: dict[str, object] = {"budget": budget}
        if parents:
            values |= self._described(parents[0])
        if operation.kind == "debug":
            values["failure"] = f"{parents[0].status}: {parents[0].message}"
            values["attempts"] = _attempts(tree, parents[0])
        if operation.kind == "crossover":
            other = self._described(parents[1])
            values["other"] = other.pop("parent")
            values |= {f"other_{name}": value for name, value in other.items()}
        return self.templates.fill(operation.kind, **values)

    def _described(self, node: Node) -> dict[str, object]:
        return {
            "parent": node.number,
            "score": f"{node.score:.4f}" if node.score is not None else _failure(node),
            "details": node.details,
            "hypothesis": node.hypothesis or "none given",
            **self.candidate(node),
        }


def _failure(node: Node) -> str:
    if node.status == "pruned":
        return "pruned: among the worst"
    return f"no score ({node.status})"


def _attempts(tree: Tree, node: Node) -> str:
    """Describe the debugging steps that led to a node, oldest first."""
    chain = []
    while node.kind == "debug":
        node = tree.nodes[node.parents[0]]
        chain.append(f"- trial {node.number}: {node.status}: {node.message}")
    return "\n".join(["Earlier attempts:", *reversed(chain)]) + "\n" if chain else ""


def _mixed(seed: int, number: int, attempt: int) -> int:
    text = f"{seed}:{number}:{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
