"""Reads a response of pydantic-ai, and tells which unreadable replies were charged."""

import json
from contextvars import ContextVar
from typing import Any

from aira_dsl.agents.models.base import Reply, Usage
from aira_dsl.agents.text import clean

MAX_NAME = 100  # characters of a model's name

_STOPS = {"content_filter": "refusal", "length": "length"}
_USAGES = ("usage", "usageMetadata")
_CONTENTS = ("choices", "output", "content", "candidates")
# Names of token counts and contents in the protocols of OpenAI, Anthropic and Google.

_charged: ContextVar[bool] = ContextVar("charged", default=False)


def read_response(response: Any, model: str) -> Reply:
    """Return a response as a reply.

    Args:
        response: a `ModelResponse` of pydantic-ai.
        model: the model that was asked; used if the response does not name one.
    """
    name = response.model_name
    return Reply(
        text="".join(part.content for part in response.parts if part.part_kind == "text"),
        usage=_usage(response.usage),
        model=(clean(name, MAX_NAME) if isinstance(name, str) else "") or model,
        stop=_STOPS.get(response.finish_reason, "end"),
    )


def _usage(usage: Any) -> Usage | None:
    """Return the tokens; None if the service reported none, or impossible numbers."""
    write, read = usage.cache_write_tokens, usage.cache_read_tokens
    uncached = usage.input_tokens - write - read  # pydantic-ai counts cached tokens as input, too
    counts = (uncached, write, read, usage.output_tokens)
    if min(counts) < 0 or usage.input_tokens == 0:
        return None
    return Usage(input=uncached, cache_write=write, cache_read=read, output=usage.output_tokens)


def forget() -> None:
    """Begin a call: nothing was charged."""
    _charged.set(False)


def charged() -> bool:
    """Tell whether the last reply of this call was one that a service charges."""
    return _charged.get()


async def note(response: Any) -> None:
    """Note whether an HTTP response is a reply that a service charges.

    Something with content or with token counts is one, even if pydantic-ai cannot read it.

    Args:
        response: a response of httpx2.
    """
    try:
        body = json.loads(await response.aread())
    except ValueError:
        body = None
    _charged.set(
        response.is_success
        and isinstance(body, dict)
        and any(body.get(name) for name in (*_USAGES, *_CONTENTS))
    )
