"""Prompts of the agent that proposes architectures: its system text, and how it names a trial."""

import math
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.models import Request
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.agents.requests import PARENT, SCORED, Requests
from aira_dsl.agents.tree import Tree
from aira_dsl.architecture import cost
from aira_dsl.evaluation.noise import Noise
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answers import AnswerRules

_PARENT = {*PARENT, "layers"}
_SCORED = {*SCORED, "layers"}

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
        return self._requests.write(tree, assignment)

    @cached_property
    def _requests(self) -> Requests:
        return Requests(
            self.templates,
            self.system,
            self.memory,
            self.seed,
            candidate=lambda node: {"layers": node.candidate or "none"},
            line=lambda node: node.candidate or "no architecture",
        )


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
