"""Claude, by the Anthropic SDK, or any endpoint that speaks its protocol.

Answers are structured output: the service enforces the JSON, our parser the architecture. The
system text and the trials so far are marked for the provider's cache. Sampling parameters are not
sent: current models refuse them, and different requests differ anyway.

What passes by itself (overload, rate limits, lost connections) is waited for: the SDK tries again
a few times, then the search pauses and goes on when the service is back. What does not (a wrong
key, an unknown model, a request that is refused) ends the search with a reason.

The key is read from the environment, handed to the SDK, and kept nowhere else.
"""

import os
import time
from collections.abc import Callable
from typing import Any

from aira_dsl.agents.models.base import Reply, Request, Usage
from aira_dsl.errors import AiraError, RunError, UsageError

DEFAULT_MODEL = "claude-sonnet-5-5"
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
TIMEOUT = 600.0  # seconds for one try
PATIENCE = 6 * 3600.0
"""Seconds to wait for a service that went away."""

STREAMED = 8192
"""Longer answers are streamed: a silent connection of many minutes is cut by what lies between."""

SCHEMA = {
    "type": "object",
    "properties": {
        "hypothesis": {"type": "string", "description": "one or two sentences"},
        "architecture": {"type": "string", "description": "the pattern, or the whole text"},
    },
    "required": ["hypothesis", "architecture"],
    "additionalProperties": False,
}
_STOPS = {
    "refusal": "refusal",
    "max_tokens": "length",
    "model_context_window_exceeded": "length",
}


class AnthropicProposer:
    """Asks a Claude model.

    Args:
        model: its name.
        effort: how much thought an answer should get; None for the model's own default.
        base_url: of another endpoint; None for ANTHROPIC_BASE_URL or Anthropic's.
        max_output: tokens that an answer may have at most, thinking included.
        pause: waits so many seconds.
    """

    name = "anthropic"
    memory = 300

    def __init__(
        self,
        model: str = DEFAULT_MODEL,
        *,
        effort: str | None = None,
        base_url: str | None = None,
        max_output: int = STREAMED,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.max_output = max_output
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._base_url = base_url
        self._pause = pause
        self._output: dict[str, Any] = {"format": {"type": "json_schema", "schema": SCHEMA}}
        if effort is not None:
            self._output["effort"] = effort
        self._keys: list[str] = []
        self._client: Any = None

    def open(self) -> None:
        """Read the key.

        Raises:
            UsageError: E0814, if there is none.
        """
        import anthropic

        self._keys = [os.environ[name] for name in KEYS if os.environ.get(name)]
        if not self._keys:
            raise UsageError(
                "E0814",
                f"no key: neither {KEYS[0]} nor {KEYS[1]} is set",
                help="export one, or use --proposer local or scripted, which need none",
            )
        self._client = anthropic.Anthropic(base_url=self._base_url, timeout=TIMEOUT)

    def ask(self, request: Request) -> Reply:
        """Return an answer; wait as long as the service is away.

        Raises:
            UsageError: E0815 if the key is refused, E0816 if the model does not exist, E0817 if
                the request is refused.
            RunError: E0907, if the service does not come back.
        """
        import anthropic
        import httpx2

        deadline, pause, troubled = time.monotonic() + PATIENCE, 5.0, False
        while True:
            try:
                message = self._send(request)
            except anthropic.AnthropicError as error:
                if (refusal := self._refusal(error)) is not None:
                    raise refusal from None
                reason = self._plain(error)
            except (ValueError, AssertionError, httpx2.HTTPError) as error:
                # No JSON, no message in a stream, a stream that breaks off: the SDK's own words.
                reason = f"the answer can not be read: {self._plain(error)}"
            else:
                if troubled:
                    self.on_trouble(None)
                return _reply(message)
            if time.monotonic() > deadline:
                raise RunError(
                    "E0907",
                    f"the model can not be reached: {reason}",
                    help="nothing is lost; run the same command again when it can",
                )
            troubled = True
            self.on_trouble(reason)
            self._pause(pause)
            pause = min(2 * pause, 300.0)

    def close(self) -> None:
        """Close the connections."""
        if self._client is not None:
            self._client.close()

    def _send(self, request: Request) -> Any:
        arguments: dict[str, Any] = {
            "model": self.model,
            "max_tokens": self.max_output,
            "system": [_cached(request.system)],
            "messages": _messages(request),
            "output_config": self._output,
        }
        if self.max_output > STREAMED:
            with self._client.messages.stream(**arguments) as stream:
                return stream.get_final_message()
        return self._client.messages.create(**arguments)

    def _refusal(self, error: Exception) -> AiraError | None:
        """Return what to end with, or None if it may pass."""
        status = getattr(error, "status_code", None)
        if status in (401, 403):
            return UsageError(
                "E0815",
                f"the key is refused: {self._plain(error)}",
                help=f"check {' or '.join(KEYS)}",
            )
        if status == 404:
            return UsageError(
                "E0816",
                f"there is no model {self.model!r} here: {self._plain(error)}",
                help="check --model and --base-url",
            )
        if status is not None and 400 <= status < 500 and status not in (408, 409, 429):
            return UsageError(
                "E0817",
                f"the request is refused: {self._plain(error)}",
                help="the account, the model and --effort decide what is accepted",
            )
        return None

    def _plain(self, error: Exception) -> str:
        """Return an error's text in one line, without keys."""
        text = getattr(error, "message", None) or str(error) or type(error).__name__
        for key in self._keys:
            text = text.replace(key, "…")
        return " ".join(text.split())[:300]


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


def _reply(message: Any) -> Reply:
    """Read a message: thinking and other blocks may stand before the text."""
    text = "".join(block.text for block in message.content if block.type == "text")
    usage = message.usage
    return Reply(
        text=text,
        usage=Usage(
            input=usage.input_tokens,
            cache_write=usage.cache_creation_input_tokens or 0,
            cache_read=usage.cache_read_input_tokens or 0,
            output=usage.output_tokens,
        ),
        model=message.model,
        stop=_STOPS.get(message.stop_reason, "end"),
    )
