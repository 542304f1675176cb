"""Proposers: where answers come from."""

from typing import Any

from aira_dsl.agents.models.base import Message, Proposer, Reply, Request, Usage
from aira_dsl.errors import UsageError
from aira_dsl.space import Space

PROPOSERS = ("anthropic", "local", "scripted")


def make_proposer(name: str, space: Space, **options: Any) -> Proposer:
    """Return a proposer that is ready to be asked.

    Args:
        name: one of `PROPOSERS`.
        space: what it is to propose in.
        options: `model`, `effort`, `base_url`, `max_output` for `anthropic`; None for its defaults.

    Raises:
        UsageError: E0818 if it does not take an option; E0814 and others if it can not be had.
    """
    given = {option: value for option, value in options.items() if value is not None}
    if name == "anthropic":
        from aira_dsl.agents.models.anthropic import AnthropicProposer

        return AnthropicProposer(**given)
    if given:
        option = next(iter(given)).replace("_", "-")
        raise UsageError(
            "E0818",
            f"--{option} does not go with the proposer {name!r}, which has a model of its own",
            help="leave it out, or use --proposer anthropic",
        )
    if name == "local":
        from aira_dsl.agents.models.local import LocalProposer

        return LocalProposer(space.names, space.slots)
    from aira_dsl.agents.models.scripted import ScriptedProposer

    return ScriptedProposer(space.names, space.draw)


__all__ = ["PROPOSERS", "Message", "Proposer", "Reply", "Request", "Usage", "make_proposer"]
