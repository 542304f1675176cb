"""Reads a message of the Messages protocol.

A gateway, a proxy or another implementation may send anything in its place: the SDK does not check
what it reads. A value is used only if it has the right type.
"""

from typing import Any

from aira_dsl.agents.models.base import Reply, Usage
from aira_dsl.agents.text import clean

MAX_NAME = 100  # characters of a model's name

_STOPS = {
    "refusal": "refusal",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


class UnreadableMessageError(ValueError):
    """The service sent something that is not a message."""


def read_message(message: Any, model: str) -> Reply:
    """Return a message as a reply.

    Something with content, or with a plausible usage, is a message: tokens were charged for it. One
    without text is an empty answer.

    Args:
        message: what the SDK returned.
        model: the model that was asked; used if the message does not name one.

    Raises:
        UnreadableMessageError: it is not a message.
    """
    content, usage = getattr(message, "content", None), _usage(getattr(message, "usage", None))
    if not isinstance(content, list):
        if usage is None:
            raise UnreadableMessageError(f"not a message: {message!r}")
        content = []
    name, stop = getattr(message, "model", None), getattr(message, "stop_reason", None)
    return Reply(
        text="".join(map(_text, content)),
        usage=usage,
        model=(clean(name, MAX_NAME) if isinstance(name, str) else "") or model,
        stop=_STOPS.get(stop, "end") if isinstance(stop, str) else "end",
    )


def _text(block: Any) -> str:
    """Return the text of a block; thinking and other blocks have none."""
    text = getattr(block, "text", None)
    return text if getattr(block, "type", None) == "text" and isinstance(text, str) else ""


def _usage(usage: Any) -> Usage | None:
    """Return the tokens; None if a number is missing, negative or not a number."""
    counts = [
        getattr(usage, "input_tokens", None),
        getattr(usage, "cache_creation_input_tokens", None) or 0,
        getattr(usage, "cache_read_input_tokens", None) or 0,
        getattr(usage, "output_tokens", None),
    ]
    if any(type(count) is not int or count < 0 for count in counts):
        return None
    read, cache_write, cache_read, written = counts
    return Usage(input=read, cache_write=cache_write, cache_read=cache_read, output=written)
