"""The form of an answer: a JSON object with a hypothesis and an architecture."""

from typing import Any

from aira_dsl.agents.models import AnswerFormat
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answer_grammar import answer_grammar, longest_answer
from aira_dsl.study.architecture_agent.mutation import BlindMutation

SCHEMA: dict[str, Any] = {
    "type": "object",
    "properties": {
        "hypothesis": {"type": "string", "description": "one or two sentences"},
        "architecture": {"type": "string", "description": "the pattern, or the whole text"},
    },
    "required": ["hypothesis", "architecture"],
    "additionalProperties": False,
}


def answer_format(space: Space) -> AnswerFormat:
    """Return the form of the answers that propose an arrangement of a space."""
    return AnswerFormat(
        schema=SCHEMA,
        grammar=answer_grammar(space.names, space.slots),
        longest=longest_answer(space.names, space.slots),
        draw=BlindMutation(space),
    )
