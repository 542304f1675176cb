"""Prompts of the agent that writes code: its system text, and how it shows a candidate."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from importlib import resources
from pathlib import Path

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.models import Request
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.agents.requests import PARENT, SCORED, Requests
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import written
from aira_dsl.design.code_agent.candidates import files_in
from aira_dsl.design.task import Task
from aira_dsl.evaluation.noise import Noise

_MEMORY = 100  # trials in a request at most

PLACEHOLDERS: dict[str, set[str]] = {
    "system": {"description", "objective", "baseline", "noise", "start"},
    "draft": {"budget"},
    "improve": {*SCORED, "files"},
    "debug": {*PARENT, "files", "failure", "attempts"},
    "crossover": {
        *SCORED,
        "files",
        *(f"other_{name}" for name in ("files", "score", "details", "hypothesis")),
        "other",
    },
    "repair": {"complaint"},
}
"""The prompt files, without `.md`, with the placeholders of each."""


def load_templates(folder: str | Path | None = None) -> PromptTemplates:
    """Read the prompts of the package, and those of a folder that replace some of them.

    Raises:
        UsageError: E0812, if the folder or a file in it cannot be read.
        InputError: E0813, if a file is not one of the prompts or has an unknown placeholder.
    """
    defaults = resources.files("aira_dsl.design.code_agent") / "prompts"
    return PromptTemplates.load(defaults, PLACEHOLDERS, folder)


@dataclass(frozen=True)
class PromptWriter:
    """Writes the prompts of one run.

    Attributes:
        templates: the prompt files.
        task: what is written for.
        size: name of the size.
        start: files that candidates start with.
        baseline: scores of the starting files, one a seed; empty if none has one.
        noise: of a score; None if it is not known.
        memory: upper bound of the number of trials in a request.
        seed: seed of the run.
    """

    templates: PromptTemplates
    task: Task
    size: str
    start: Candidate
    baseline: tuple[float, ...]
    noise: Noise | None
    memory: int
    seed: int

    @cached_property
    def system(self) -> str:
        """The system text, the same in every request."""
        return self.templates.fill(
            "system",
            description=self.task.description(self.size).strip(),
            objective=objective(self.task),
            baseline=_baseline(self.baseline),
            noise=_noise(self.noise),
            start=written(self.start.files),
        )

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        """Return the request for a proposal, with the rejected answers so far."""
        return self._requests.write(tree, assignment)

    @cached_property
    def _requests(self) -> Requests:
        return Requests(
            self.templates,
            self.system,
            min(self.memory, _MEMORY),
            self.seed,
            candidate=_shown,
            line=lambda node: "a candidate" if node.candidate else "no usable answer",
        )


def objective(task: Task) -> str:
    """Say what is measured and which way it gets better."""
    direction = "lower" if task.metadata.direction.sign < 0 else "higher"
    return f"The score is {task.metadata.metric}: {direction} is better."


def parent_of(nodes: Sequence[Node], start: Candidate) -> Candidate:
    """Return what the edits of an answer refer to: the first parent, or the starting files."""
    return next((files_in(node.candidate) for node in nodes if node.candidate), start)


def _shown(node: Node) -> dict[str, object]:
    return {"files": written(files_in(node.candidate).files) if node.candidate else "(no files)"}


def _baseline(scores: tuple[float, ...]) -> str:
    if not scores:
        return "The files that a candidate starts with have no score on this machine."
    mean = math.fsum(scores) / len(scores)
    times = "once" if len(scores) == 1 else f"{len(scores)} times"
    return f"The files that a candidate starts with score {mean:.4f} (measured {times})."


def _noise(noise: Noise | None) -> str:
    if noise is None:
        return "The variation of a score between seeds is not known."
    return (
        f"The noise of a score has a standard deviation of about {noise.value:.4f} "
        f"({noise.basis}): the scores of two equally good candidates differ by about "
        f"{math.sqrt(2) * noise.value:.4f} by chance. Do not trust smaller differences."
    )
