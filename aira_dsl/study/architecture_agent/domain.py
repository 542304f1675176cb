"""The domain of an agent that proposes architectures."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.answer import MAX_ANSWER, Proposal, Rejection
from aira_dsl.agents.models import Request
from aira_dsl.agents.text import clean
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

    def stored(self, text: str) -> str:
        """Return an answer in one line, without control characters, cut at 20,000 characters."""
        return clean(text, MAX_ANSWER)

    def parse_answer(
        self, text: str, known: Mapping[str, Node], parents: Sequence[Node]
    ) -> Proposal[Architecture] | Rejection:
        """Return the architecture in an answer, or why there is none."""
        return parse_answer(text, self.rules, known)
