"""The domain of an agent that proposes architectures."""

from collections.abc import Mapping
from dataclasses import dataclass

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.models import Request
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.architecture import Architecture
from aira_dsl.study.architecture_agent.answers import AnswerRules, parse_answer
from aira_dsl.study.architecture_agent.prompt_writer import PromptWriter


@dataclass(frozen=True)
class ArrangementDomain:
    """The arrangements of a space.

    Attributes:
        rules: which architectures may be proposed.
        prompts: writes the requests.
    """

    rules: AnswerRules
    prompts: PromptWriter

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        """Return the request for a proposal."""
        return self.prompts.request(tree, assignment)

    def parse_answer(
        self, text: str, known: Mapping[str, Node]
    ) -> Proposal[Architecture] | Rejection:
        """Return the architecture in an answer, or why there is none."""
        return parse_answer(text, self.rules, known)
