"""Claude by the Anthropic SDK, or any endpoint of the same protocol.

With a schema, answers are structured output: the service enforces the JSON Schema, our parser the
content. The system text and the trials so far are marked for the provider's cache. Sampling
parameters are not sent: current models refuse them, and requests differ anyway.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from aira_dsl.agents.models.anthropic_reply import read_message
from aira_dsl.agents.models.base import Billing, Reply, Request
from aira_dsl.agents.models.service import MAX_OUTPUT, TIMEOUT, Failure, ServiceProposer
from aira_dsl.errors import UsageError

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_URL = "https://api.anthropic.com"
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
URL = "ANTHROPIC_BASE_URL"

STREAMED = 8192
"""Longer answers are streamed: proxies close connections that are silent for minutes."""

# What the SDK raises for a body or a stream that it cannot read.
_UNREADABLE = (ValueError, AssertionError, AttributeError, TypeError, LookupError, RuntimeError)


class AnthropicProposer(ServiceProposer):
    """Asks a Claude model.

    Args:
        schema: JSON Schema of an answer; None for plain text.
        model: name of the model.
        effort: reasoning effort; None for the model's default.
        base_url: URL of another endpoint; None for ANTHROPIC_BASE_URL or Anthropic's.
        max_output: upper bound of the tokens of an answer, thinking included.
        pause: waits for a number of seconds.

    Raises:
        UsageError: E0820, if the base URL is not a URL.
    """

    name = "anthropic"
    keys = " or ".join(KEYS)

    def __init__(  # noqa: PLR0913 (all but the first two by name)
        self,
        schema: dict[str, Any] | None,
        model: str = DEFAULT_MODEL,
        *,
        effort: str | None = None,
        base_url: str | None = None,
        max_output: int = MAX_OUTPUT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self._url = base_url or os.environ.get(URL) or DEFAULT_URL
        super().__init__(
            model=model,
            billing=Billing("anthropic", model),
            url=self._url,
            url_option="--base-url" if base_url else URL,
            max_output=max_output,
            pause=pause,
        )
        self._output: dict[str, Any] = {}
        if schema is not None:
            self._output["format"] = {"type": "json_schema", "schema": schema}
        if effort is not None:
            self._output["effort"] = effort
        self._client: Any = None

    def open(self) -> None:
        """Read the key.

        Raises:
            UsageError: E0814, if there is none.
        """
        import anthropic

        keys = [os.environ[name] for name in KEYS if os.environ.get(name)]
        if not keys:
            raise UsageError(
                "E0814",
                f"no API key: neither {KEYS[0]} nor {KEYS[1]} is set",
                help="set one, or use --proposer local or scripted, which need none",
            )
        self._secrets += keys
        self._client = anthropic.Anthropic(base_url=self._url, timeout=TIMEOUT)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _call(self, request: Request) -> Reply:
        return read_message(self._send(request), self.model)

    def _send(self, request: Request) -> Any:
        arguments: dict[str, Any] = {
            "model": self.model,
            "max_tokens": self.max_output,
            "system": [_cached(request.system)],
            "messages": _messages(request),
        }
        if self._output:
            arguments["output_config"] = self._output
        if self.max_output > STREAMED:
            with self._client.messages.stream(**arguments) as stream:
                return stream.get_final_message()
        return self._client.messages.create(**arguments)

    def _status(self, error: Exception) -> int | None:
        return getattr(error, "status_code", None)

    def _failure(self, error: Exception) -> Failure | None:
        import anthropic
        import httpx2

        if isinstance(error, anthropic.AnthropicError):
            return "failed"
        return "unreadable" if isinstance(error, (*_UNREADABLE, httpx2.HTTPError)) else None


def _messages(request: Request) -> list[dict[str, Any]]:
    first, *others = request.messages
    blocks = [_cached(request.context)] if request.context else []
    blocks.append({"type": "text", "text": first.text})
    return [
        {"role": first.role, "content": blocks},
        *({"role": message.role, "content": message.text} for message in others),
    ]


def _cached(text: str) -> dict[str, Any]:
    return {"type": "text", "text": text, "cache_control": {"type": "ephemeral"}}
