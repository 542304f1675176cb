"""Prompts: what a proposer is told, made from the space, the tree and the operation.

Three parts, from what never changes to what always does, so that a provider's cache can keep the
beginning: the system text (the same bytes in every call of a search), the trials so far (in the
order of their numbers, each line written once and then only added to), and the operation.
"""

import hashlib
from dataclasses import dataclass

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models.base import Message, Request
from aira_dsl.agents.tree import Node, Operation, Tree
from aira_dsl.architecture import cost
from aira_dsl.language import to_text
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.prompt_files import PromptTemplates

_NO_ANSWER = "(no answer)"  # an empty turn is refused by the service


@dataclass(frozen=True)
class EvaluatorFacts:
    """What proposers are told of the evaluator.

    Attributes:
        objective: a sentence or two: what is measured, which way is better.
        noise: standard deviation of a score between seeds, or None if it is not known.
    """

    objective: str
    noise: float | None


@dataclass(frozen=True)
class Assignment:
    """A trial to be proposed.

    Attributes:
        number: of the trial.
        operation: what to do.
        calls: the answers so far, each with its complaint.
        budget: what is left of the search's, in words.
    """

    number: int
    operation: Operation
    calls: tuple[Attempt, ...]
    budget: str


@dataclass(frozen=True)
class PromptWriter:
    """Writes the prompts of one search.

    Attributes:
        templates: the prompt files.
        rules: what an answer must obey.
        evaluator: what is told of the evaluator.
        memory: how many trials are told at most: the best half, and the latest.
        seed: of the search.
    """

    templates: PromptTemplates
    rules: AnswerRules
    evaluator: EvaluatorFacts
    memory: int
    seed: int

    @property
    def system(self) -> str:
        """What holds for the whole search."""
        space = self.rules.space
        return self.templates.fill(
            "system",
            count=f"{space.count:,}",
            slots=space.slots,
            space=_blocks(space),
            costs=_costs(space),
            rules=_constraints(space),
            freedom=_freedom(self.rules),
            objective=self.evaluator.objective,
            noise=_noise(self.evaluator.noise),
        )

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        """Return what to ask for a trial, given the answers that could not be used."""
        number, operation, calls = assignment.number, assignment.operation, assignment.calls
        messages = [Message("user", self._task(tree, operation, assignment.budget))]
        for call in calls:
            messages.append(Message("assistant", call.answer or _NO_ANSWER))
            repair = self.templates.fill("repair", complaint=call.complaint)
            messages.append(Message("user", repair))
        told = Tree([node for node in tree.nodes if node.number < number])
        return Request(
            system=self.system,
            context=self._memory(told, operation),
            messages=tuple(messages),
            seed=_mixed(self.seed, number, len(calls)),
            number=number,
            attempt=len(calls),
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
        return "\n".join(["Tried so far:", *map(_line, known)]) + "\n"

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


def prompt_hash(request: Request) -> str:
    """Return what tells whether two requests sent the same text."""
    texts = [request.system, request.context]
    texts += [f"{message.role}\n{message.text}" for message in request.messages]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]


def _line(node: Node) -> str:
    parents = " and ".join(map(str, node.parents))
    origin = f"{node.kind} of {parents}" if parents else node.kind
    outcome = f"score {node.score:.4f}" if node.score is not None else _failure(node)
    layers = node.text or node.pattern or "no architecture"
    return f"- trial {node.number} ({origin}): {layers}: {outcome}. {node.hypothesis}".rstrip()


def _failure(node: Node) -> str:
    if node.status == "pruned":
        return "stopped early as hopeless"
    return f"no score ({node.status})"


def _described(node: Node) -> dict[str, object]:
    return {
        "parent": node.number,
        "layers": node.text or node.pattern or "none",
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
    return "\n".join(["Tried before it:", *reversed(chain)]) + "\n" if chain else ""


def _blocks(space: Space) -> str:
    """Return the space as a text of its own language, without layers."""
    lines = to_text(space.architecture((space.names[0],) * space.slots)).splitlines()
    return "\n".join(line for line in lines if not line.lstrip().startswith("layers "))


def _noise(noise: float | None) -> str:
    if noise is None:
        return "How much a score varies between seeds is not known."
    return (
        f"The score of one architecture varies between seeds with a standard deviation of "
        f"{noise:.3f}: smaller differences mean little."
    )


def _costs(space: Space) -> str:
    rows = []
    for name in space.names:
        one, two = (cost(space.definition.architecture((name,) * n)) for n in (1, 2))
        parameters = two.parameters - one.parameters
        flops = two.training_flops - one.training_flops
        rows.append(
            f"A layer {name} has {parameters:,} parameters, {flops:,} training FLOPs a token."
        )
    return "\n".join(rows)


def _constraints(space: Space) -> str:
    if not space.constraints:
        return ""
    return f"Every architecture must obey: {', '.join(map(str, space.constraints))}.\n"


def _freedom(rules: AnswerRules) -> str:
    if not rules.free:
        return "The blocks are fixed; you choose their order."
    bounds = ", ".join(f"{value:,} {name}" for name, value in rules.bounds.items())
    return (
        "You may change the blocks' parameters, too: then answer with a whole architecture text of "
        "the form above with a `layers` line. Kinds, names and dimensions stay; at most "
        + bounds
        + "."
    )


def _mixed(seed: int, number: int, attempt: int) -> int:
    text = f"{seed}:{number}:{attempt}"
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:4], "big")
