"""What proposers that ask a service over HTTP have in common: patience, errors, secrets.

Temporary failures (overload, rate limits, lost connections, replies that cannot be read) are
retried: first by the client's own package, then with longer pauses until the service is back. Final
failures (a wrong key, an unknown model, a refused request) end the search with a reason.

Keys are read from the environment. They are removed from everything that comes back, since a
service may repeat them.
"""

import threading
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import replace
from typing import Literal
from urllib.parse import urlsplit

from aira_dsl.agents.models.base import Billing, Reply, Request
from aira_dsl.agents.text import clean, redact
from aira_dsl.errors import AiraError, RunError, UsageError
from aira_dsl.utils.retry import Backoff, with_retry

TIMEOUT = 600.0  # seconds for one try
BACKOFF = Backoff(first=5.0, longest=300.0, patience=6 * 3600.0)
MAX_OUTPUT = 8192
"""Default upper bound of the tokens of an answer."""

Failure = Literal["failed", "unreadable"]
"""What went wrong for the moment: the service, or the reading of its reply."""


class ServiceProposer(ABC):
    """Asks a model service.

    Args:
        model: name of the model.
        billing: whose prices apply; None if calls are free.
        url: base URL of the service; None if only its own package knows it.
        url_option: option or variable that the URL is from, for messages.
        max_output: upper bound of the tokens of an answer, thinking included.
        pause: waits for a number of seconds.

    Raises:
        UsageError: E0820, if the base URL is not a URL.
    """

    name: str
    memory = 300
    keys = "the key in the environment"
    """What a user should check when the key is refused."""

    def __init__(  # noqa: PLR0913 (all by name)
        self,
        *,
        model: str,
        billing: Billing | None,
        url: str | None,
        url_option: str = "--base-url",
        max_output: int = MAX_OUTPUT,
        pause: Callable[[float], None] = time.sleep,
    ) -> None:
        self.model = model
        self.billing = billing
        self.max_output = max_output
        self.service = f"the model service of {model}"
        self.on_trouble: Callable[[str | None], None] = lambda reason: None
        self._secrets: list[str] = []
        self._pause = pause
        self._lock = threading.Lock()
        self._in_trouble = False
        if url is not None:
            self._name_service(url, url_option)

    @abstractmethod
    def open(self) -> None:
        """Read the key and connect.

        Raises:
            UsageError: E0814, if there is no key.
        """

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _call(self, request: Request) -> Reply:
        """Make one call."""

    @abstractmethod
    def _status(self, error: Exception) -> int | None:
        """Return the HTTP status that an error stands for; None without one."""

    @abstractmethod
    def _failure(self, error: Exception) -> Failure | None:
        """Tell what failed, if an error of `_call` may pass; None for a defect of the program."""

    def ask(self, request: Request) -> Reply:
        """Return an answer; wait as long as the service is not available.

        Raises:
            UsageError: E0815 if the key is refused, E0816 if the model does not exist, E0817 if
                the request is refused.
            RunError: E0907, if the service does not come back.
        """
        try:
            reply = with_retry(
                lambda: self._call(request),
                backoff=BACKOFF,
                reason_to_wait=self._reason_to_wait,
                on_trouble=self._report,
                sleep=self._pause,
            )
        except Exception as error:
            raise self._final(error) from None
        self._report(None)
        return replace(reply, text=self._redact(reply.text), model=self._redact(reply.model))

    def _name_service(self, url: str, option: str) -> None:
        """Name the service by its URL, and keep a password that is in it secret."""
        self.service = f"the model service at {shown_url(url, option)}"
        self._secrets += filter(None, [urlsplit(url).password])

    def _report(self, reason: str | None) -> None:
        """Tell of trouble, and of its end: the first answer of any thread."""
        with self._lock:
            if reason is not None or self._in_trouble:
                self.on_trouble(reason)
            self._in_trouble = reason is not None

    def _reason_to_wait(self, error: Exception) -> str | None:
        """Return why an error may pass; None if it is final."""
        if self._refusal(error) is not None or (failure := self._failure(error)) is None:
            return None
        reason = self._plain(error)
        return f"its reply cannot be read: {reason}" if failure == "unreadable" else reason

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
        status = self._status(error)
        if status is None or not 400 <= status < 500 or status in (408, 409, 429):
            return None
        reason = self._plain(error)
        if status in (401, 403):
            return UsageError(
                "E0815",
                f"{self.service} refuses the key: {reason}",
                help=f"check {self.keys}",
            )
        if status == 404:
            return UsageError(
                "E0816",
                f"{self.service} has no model {self.model!r}: {reason}",
                help="check --model and --base-url",
            )
        return UsageError(
            "E0817",
            f"{self.service} refuses the request: {reason}",
            help="check --model, --effort, --max-output and the account",
        )

    def _message(self, error: Exception) -> str:
        """Return the message of an error."""
        return str(getattr(error, "message", None) or error)

    def _plain(self, error: Exception) -> str:
        """Return the message of an error in one line, without keys."""
        return clean(self._redact(self._message(error) or type(error).__name__), 300)

    def _redact(self, text: str) -> str:
        return redact(text, self._secrets)


def shown_url(text: str, option: str) -> str:
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
            help=f"give {option} in the form https://host:port/path",
        )
    return f"{parts.scheme}://{parts.netloc.rpartition('@')[2]}{parts.path}".rstrip("/")
