"""Models: where answers come from."""

from typing import Any

from aira_dsl.agents.models.base import AnswerFormat, Message, Proposer, Reply, Request, Usage
from aira_dsl.errors import UsageError

PROPOSERS = ("anthropic", "local", "scripted")


def make_proposer(name: str, answers: AnswerFormat, **options: Any) -> Proposer:
    """Return a proposer; `open` prepares it for requests.

    Args:
        name: one of `PROPOSERS`.
        answers: the form of the answers.
        options: `model`, `effort`, `base_url`, `max_output` for `anthropic`; None for its defaults.

    Raises:
        UsageError: E0818 if the proposer does not take an option; E0820, E0831 to E0833 if an
            option is wrong or a package is missing.
    """
    given = {option: value for option, value in options.items() if value is not None}
    if name == "anthropic":
        from aira_dsl.agents.models.anthropic import AnthropicProposer

        return AnthropicProposer(answers.schema, **given)
    if given:
        option = next(iter(given)).replace("_", "-")
        raise UsageError(
            "E0818",
            f"--{option} is not an option of the proposer {name!r}",
            help="remove it, or use --proposer anthropic",
        )
    if name == "local":
        from aira_dsl.agents.models.local import LocalProposer

        return LocalProposer(answers.grammar, answers.longest)
    from aira_dsl.agents.models.scripted import ScriptedProposer

    return ScriptedProposer(answers.draw)


__all__ = [
    "PROPOSERS",
    "AnswerFormat",
    "Message",
    "Proposer",
    "Reply",
    "Request",
    "Usage",
    "make_proposer",
]
