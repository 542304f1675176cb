"""Prompts: the requests to a proposer, written from the space, the tree and the operation.

A request has three parts, from the most constant to the most variable, so that a provider's cache
keeps its beginning: the system text (the same bytes in every call of a search), the trials so far
(in the order of their numbers; lines are only appended), and the operation.
"""

import hashlib
import math
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.models import Message, Request
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.agents.tree import Node, Operation, Tree
from aira_dsl.architecture import cost
from aira_dsl.evaluation.noise import Noise
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answers import AnswerRules

_PARENT = {"parent", "layers", "hypothesis", "budget"}
_SCORED = _PARENT | {"score", "details"}

PLACEHOLDERS: dict[str, set[str]] = {
    "system": {
        "count", "slots", "space", "costs", "rules", "freedom", "objective", "noise",
    },
    "draft": {"budget"},
    "improve": _SCORED,
    "debug": _PARENT | {"failure", "attempts"},
    "crossover": _SCORED
    | {"other", "other_layers", "other_score", "other_details", "other_hypothesis"},
    "repair": {"complaint"},
}  # fmt: skip
"""The prompt files, without `.md`, with the placeholders of each."""

_NO_ANSWER = "(no answer)"  # the service refuses an empty turn


def load_templates(folder: str | Path | None = None) -> PromptTemplates:
    """Read the prompts of the package, and those of a folder that replace some of them.

    Raises:
        UsageError: E0812, if the folder or a file in it cannot be read.
        InputError: E0813, if a file is not one of the prompts or has an unknown placeholder.
    """
    defaults = resources.files("aira_dsl.study.architecture_agent") / "prompts"
    return PromptTemplates.load(defaults, PLACEHOLDERS, folder)


@dataclass(frozen=True)
class EvaluatorFacts:
    """What a model is told about the evaluator.

    Attributes:
        objective: what is measured, and which direction is better.
        noise: of the best scores; None if it is not known.
    """

    objective: str
    noise: Noise | None


@dataclass(frozen=True)
class PromptWriter:
    """Writes the prompts of one search.

    Attributes:
        templates: the prompt files.
        rules: which architectures may be proposed.
        evaluator: facts about the evaluator.
        memory: upper bound of the number of trials in a request: the best half, and the latest.
        seed: seed of the search.
    """

    templates: PromptTemplates
    rules: AnswerRules
    evaluator: EvaluatorFacts
    memory: int
    seed: int

    @cached_property
    def system(self) -> str:
        """The system text, the same in every request."""
        space = self.rules.space
        return self.templates.fill(
            "system",
            count=f"{space.count:,}",
            slots=space.slots,
            space=self.rules.base.rstrip(),
            costs=_costs(space),
            rules=_constraints(space),
            freedom=_freedom(self.rules),
            objective=self.evaluator.objective,
            noise=_noise(self.evaluator.noise),
        )

    def request(self, tree: Tree, assignment: Assignment) -> Request:
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
        return "\n".join(["Trials so far:", *map(_line, known)]) + "\n"

    def _task(self, tree: Tree, operation: Operation, budget: str) -> str:
        parents = [tree.nodes[number] for number in operation.parents]
        values: dict[str, object] = {"budget": budget}
        if parents:
            values |= _described(parents[0])
        if operation.kind == "debug":
            values["failure"] = f"{parents[0].status}: {parents[0].message}"
            values["attempts"] = _attempts(tree, parents[0])
        if operation.kind == "crossover":
            other = _described(parents[1])
            values["other"] = other.pop("parent")
            values |= {f"other_{name}": value for name, value in other.items()}
        return self.templates.fill(operation.kind, **values)


def _line(node: Node) -> str:
    parents = " and ".join(map(str, node.parents))
    origin = f"{node.kind} of {parents}" if parents else node.kind
    outcome = f"score {node.score:.4f}" if node.score is not None else _failure(node)
    layers = node.candidate or "no architecture"
    return f"- trial {node.number} ({origin}): {layers}: {outcome}. {node.hypothesis}".rstrip()


def _failure(node: Node) -> str:
    if node.status == "pruned":
        return "pruned: among the worst"
    return f"no score ({node.status})"


def _described(node: Node) -> dict[str, object]:
    return {
        "parent": node.number,
        "layers": node.candidate or "none",
        "score": f"{node.score:.4f}" if node.score is not None else _failure(node),
        "details": node.details,
        "hypothesis": node.hypothesis or "none given",
    }


def _attempts(tree: Tree, node: Node) -> str:
    """Describe the debugging steps that led to a node, oldest first."""
    chain = []
    while node.kind == "debug":
        node = tree.nodes[node.parents[0]]
        chain.append(f"- trial {node.number}: {node.status}: {node.message}")
    return "\n".join(["Earlier attempts:", *reversed(chain)]) + "\n" if chain else ""


def _noise(noise: Noise | None) -> str:
    if noise is None:
        return "The variation of a score between seeds is not known."
    return (
        f"Among good architectures the noise of a score has a standard deviation of about "
        f"{noise.value:.3f} ({noise.basis}): the scores of two equally good ones differ by about "
        f"{math.sqrt(2) * noise.value:.3f} by chance. Do not trust smaller differences."
    )


def _costs(space: Space) -> str:
    rows = []
    for name in space.names:
        one, two = (cost(space.definition.architecture((name,) * n)) for n in (1, 2))
        parameters = two.parameters - one.parameters
        flops = two.training_flops - one.training_flops
        rows.append(
            f"A layer {name} has {parameters:,} parameters and {flops:,} training FLOPs per token."
        )
    return "\n".join(rows)


def _constraints(space: Space) -> str:
    if not space.constraints:
        return ""
    return f"Constraints of every architecture: {', '.join(map(str, space.constraints))}.\n"


def _freedom(rules: AnswerRules) -> str:
    if not rules.free:
        return "The blocks are fixed; you choose their order."
    bounds = ", ".join(f"{value:,} {name}" for name, value in rules.bounds.items())
    return (
        "You may also change the parameters of the blocks. In that case answer with an "
        "architecture text, `architecture NAME { … }`, with the changed blocks and a `layers` "
        f"line. Kinds, names and dimensions are fixed. Upper bounds: {bounds}."
    )


def _mixed(seed: int, number: int, attempt: int) -> int:
    text = f"{seed}:{number}:{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
