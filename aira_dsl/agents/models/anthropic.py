"""Claude by the Anthropic SDK, or any endpoint of the same protocol.

Answers are structured output: the service enforces the JSON Schema, our parser the content. The
system text and the trials so far are marked for the provider's cache. Sampling parameters are not
sent: current models refuse them, and requests differ anyway.

Temporary failures (overload, rate limits, lost connections, replies that are not messages) are
retried: first by the SDK, then with longer pauses until the service is back. Final failures (a
wrong key, an unknown model, a refused request) end the search with a reason.

The key is read from the environment and given to the SDK. It is removed from everything that comes
back, since a service may repeat it.
"""

import os
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from typing import Any
from urllib.parse import urlsplit

from aira_dsl.agents.models.anthropic_reply import read_message
from aira_dsl.agents.models.base import Billing, Reply, Request
from aira_dsl.agents.text import clean, redact
from aira_dsl.errors import AiraError, RunError, UsageError
from aira_dsl.utils.retry import Backoff, with_retry

DEFAULT_MODEL = "claude-sonnet-5-5"
DEFAULT_URL = "https://api.anthropic.com"
KEYS = ("ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN")
URL = "ANTHROPIC_BASE_URL"
TIMEOUT = 600.0  # seconds for one try
BACKOFF = Backoff(first=5.0, longest=300.0, patience=6 * 3600.0)

STREAMED = 8192
"""Longer answers are streamed: proxies close connections that are silent for minutes."""

# What the SDK raises for a body or a stream that it cannot read.
_UNREADABLE = (ValueError, AssertionError, AttributeError, TypeError, LookupError, RuntimeError)


class AnthropicProposer:
    """Asks a Claude model.

    Args:
        schema: JSON Schema of an answer.
        model: name of the model.
        effort: reasoning effort; None for the model's default.
        base_url: URL of another endpoint; None for ANTHROPIC_BASE_URL or Anthropic's.
        max_output: upper bound of the tokens of an answer, thinking included.
        pause: waits for a number of seconds.

    Raises:
        UsageError: E0820, if the base URL is not a URL.
    """

    name = "anthropic"
    memory = 300

    def __init__(  # noqa: PLR0913 (all but the first two by name)
        self,
        schema: dict[str, Any],
        model: str = DEFAULT_MODEL,
        *,
        effort: str | None = None,
        base_url: str | None = None,
        max_output: int = STREAMED,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.billing: Billing | None = Billing("anthropic", model)
        self.max_output = max_output
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._url = base_url or os.environ.get(URL) or DEFAULT_URL
        self.service = f"the model service at {_shown_url(self._url, given=bool(base_url))}"
        self._pause = pause
        self._output: dict[str, Any] = {"format": {"type": "json_schema", "schema": schema}}
        if effort is not None:
            self._output["effort"] = effort
        self._secrets: list[str] = []
        self._client: Any = None
        self._lock = threading.Lock()
        self._in_trouble = False

    def open(self) -> None:
        """Read the key.

        Raises:
            UsageError: E0814, if there is none.
        """
        import anthropic

        self._secrets = [os.environ[name] for name in KEYS if os.environ.get(name)]
        if not self._secrets:
            raise UsageError(
                "E0814",
                f"no API key: neither {KEYS[0]} nor {KEYS[1]} is set",
                help="set one, or use --proposer local or scripted, which need none",
            )
        self._secrets += filter(None, [urlsplit(self._url).password])
        self._client = anthropic.Anthropic(base_url=self._url, timeout=TIMEOUT)

    def ask(self, request: Request) -> Reply:
        """Return an answer; wait as long as the service is not available.

        Raises:
            UsageError: E0815 if the key is refused, E0816 if the model does not exist, E0817 if
                the request is refused.
            RunError: E0907, if the service does not come back.
        """
        try:
            reply = with_retry(
                lambda: read_message(self._send(request), self.model),
                backoff=BACKOFF,
                reason_to_wait=self._reason_to_wait,
                on_trouble=self._report,
                sleep=self._pause,
            )
        except Exception as error:
            raise self._final(error) from None
        self._report(None)
        return replace(reply, text=self._redact(reply.text), model=self._redact(reply.model))

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

    def _report(self, reason: str | None) -> None:
        """Tell of trouble, and of its end: the first answer of any thread."""
        with self._lock:
            if reason is not None or self._in_trouble:
                self.on_trouble(reason)
            self._in_trouble = reason is not None

    def _reason_to_wait(self, error: Exception) -> str | None:
        """Return why an error may pass; None if it is final."""
        import anthropic
        import httpx2

        if isinstance(error, anthropic.AnthropicError):
            return None if self._refusal(error) else self._plain(error)
        if isinstance(error, (*_UNREADABLE, httpx2.HTTPError)):
            return f"its reply cannot be read: {self._plain(error)}"
        return None

    def _final(self, error: Exception) -> Exception:
        """Return the error that ends a search."""
        if (refusal := self._refusal(error)) is not None:
            return refusal
        if (reason := self._reason_to_wait(error)) is None:
            return error
        return RunError(
            "E0907",
            f"{self.service} does not answer: {reason}",
            help="nothing is lost; run the same command again when the service is available",
        )

    def _refusal(self, error: Exception) -> AiraError | None:
        """Return the error for a refused request; None if the failure may be temporary."""
        status, reason = getattr(error, "status_code", None), self._plain(error)
        if status in (401, 403):
            return UsageError(
                "E0815",
                f"{self.service} refuses the key: {reason}",
                help=f"check {' or '.join(KEYS)}",
            )
        if status == 404:
            return UsageError(
                "E0816",
                f"{self.service} has no model {self.model!r}: {reason}",
                help="check --model and --base-url",
            )
        if status is not None and 400 <= status < 500 and status not in (408, 409, 429):
            return UsageError(
                "E0817",
                f"{self.service} refuses the request: {reason}",
                help="check --model, --effort, --max-output and the account",
            )
        return None

    def _plain(self, error: Exception) -> str:
        """Return the message of an error in one line, without keys."""
        text = getattr(error, "message", None) or str(error) or type(error).__name__
        return clean(self._redact(str(text)), 300)

    def _redact(self, text: str) -> str:
        return redact(text, self._secrets)


def _shown_url(text: str, *, given: bool) -> str:
    """Return a base URL without user name, password and query.

    Raises:
        UsageError: E0820, if it is not a URL of HTTP.
    """
    try:
        parts = urlsplit(text)
        valid = parts.scheme in ("http", "https") and parts.hostname and text.isprintable()
        valid = valid and " " not in text and (parts.port or 0) >= 0
    except ValueError:  # the port is not a number, or an IPv6 address is broken
        valid = False
    if not valid:
        raise UsageError(
            "E0820",
            f"{clean(text, 100)!r} is not a URL",
            help=f"give {'--base-url' if given else URL} in the form https://host:port/path",
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")


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
