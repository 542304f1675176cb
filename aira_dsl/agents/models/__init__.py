"""Models: where answers come from."""

import inspect
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, Literal

from aira_dsl.agents.models.base import (
    AnswerFormat,
    Billing,
    Message,
    Proposer,
    Reply,
    Request,
    Usage,
)
from aira_dsl.errors import UsageError


def _anthropic(answers: AnswerFormat, **options: Any) -> Proposer:
    from aira_dsl.agents.models.anthropic import AnthropicProposer

    return AnthropicProposer(answers.schema, **options)


def _local(answers: AnswerFormat) -> Proposer:
    from aira_dsl.agents.models.local import LocalProposer

    return LocalProposer(answers.grammar, answers.longest)


def _pydantic_ai(answers: AnswerFormat, **options: Any) -> Proposer:
    from aira_dsl.agents.models.pydantic_ai import PydanticAIProposer

    return PydanticAIProposer(answers.schema, **options)


def _scripted(answers: AnswerFormat) -> Proposer:
    from aira_dsl.agents.models.scripted import ScriptedProposer

    return ScriptedProposer(answers.draw)


PROPOSERS: dict[str, Callable[..., Proposer]] = {
    "anthropic": _anthropic,
    "local": _local,
    "pydantic-ai": _pydantic_ai,
    "scripted": _scripted,
}
"""Functions that make the proposers, by the values of `--proposer`; each imports its own client."""

if TYPE_CHECKING:
    ProposerName = str
else:
    ProposerName = Literal[tuple(PROPOSERS)]


def make_proposer(name: ProposerName, answers: AnswerFormat, **options: Any) -> Proposer:
    """Return a proposer; `open` prepares it for requests.

    Args:
        name: one of `PROPOSERS`.
        answers: the form of the answers.
        options: `model`, `effort`, `base_url`, `max_output` for services; None for their defaults.

    Raises:
        UsageError: E0818 if the proposer does not take an option; E0820, E0831 to E0833, E0839
            if an option is wrong or a package is missing.
    """
    make = PROPOSERS[name]
    given = {option: value for option, value in options.items() if value is not None}
    for option in given:
        if not takes_option(name, option):
            raise UsageError(
                "E0818",
                f"--{option.replace('_', '-')} is not an option of the proposer {name!r}",
                help="remove it, or use --proposer anthropic or pydantic-ai",
            )
    return make(answers, **given)


def takes_option(name: ProposerName, option: str) -> bool:
    """Tell whether a proposer takes an option of `make_proposer`."""
    parameters = inspect.signature(PROPOSERS[name]).parameters.values()
    return any(each.name == option or each.kind is each.VAR_KEYWORD for each in parameters)


__all__ = [
    "PROPOSERS",
    "AnswerFormat",
    "Billing",
    "Message",
    "Proposer",
    "ProposerName",
    "Reply",
    "Request",
    "Usage",
    "make_proposer",
    "takes_option",
]
