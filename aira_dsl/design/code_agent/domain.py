"""The domain of an agent that writes code."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.agents.agent import Assignment
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.models import Request
from aira_dsl.agents.text import clean_lines
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.design.candidate import Candidate
from aira_dsl.design.code_agent.answers import MAX_ANSWER, read_files
from aira_dsl.design.code_agent.prompt_writer import PromptWriter, parent_of


@dataclass(frozen=True)
class CodeDomain:
    """Candidates of a task: folders of files.

    Attributes:
        prompts: writes the requests.
    """

    prompts: PromptWriter

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        """Return the request for a proposal."""
        return self.prompts.request(tree, assignment)

    def stored(self, text: str) -> str:
        """Return an answer with its lines, without control characters."""
        return clean_lines(text, MAX_ANSWER)

    def parse_answer(
        self, text: str, known: Mapping[str, Node], parents: Sequence[Node]
    ) -> Proposal[Candidate] | Rejection:
        """Return the candidate in an answer, or why there is none."""
        task = self.prompts.task
        found = read_files(self.stored(text), parent_of(parents, self.prompts.start))
        if isinstance(found, Rejection):
            return found
        if missing := [
            path for path in task.metadata.candidate.files if path not in found.candidate.files
        ]:
            return Rejection("invalid", f"{missing[0]} is missing", found.hypothesis)
        if (earlier := known.get(found.candidate.identity)) is not None:
            return Rejection("duplicate", _tried(earlier), found.hypothesis)
        if found.candidate.identity == self.prompts.start.identity:
            return Rejection(
                "duplicate", "these are the files that a candidate starts with", found.hypothesis
            )
        return found


def _tried(earlier: Node) -> str:
    outcome = "is running" if earlier.state == "running" else f"failed ({earlier.status})"
    if earlier.score is not None:
        outcome = f"scored {earlier.score:.4f}"
    return f"trial {earlier.number} has tried the same files: it {outcome}; propose others"
