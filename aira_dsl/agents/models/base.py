"""The interface of a model: a request goes in, one answer text comes out, with its cost."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Protocol

from pydantic import BaseModel, ConfigDict


class Usage(BaseModel):
    """Tokens of one call.

    Attributes:
        input: tokens read at the full price.
        cache_write: tokens read and written to the provider's cache.
        cache_read: tokens read from the cache.
        output: tokens written, thinking included.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    input: int = 0
    cache_write: int = 0
    cache_read: int = 0
    output: int = 0

    @property
    def total(self) -> int:
        """All tokens."""
        return self.input + self.cache_write + self.cache_read + self.output

    def __add__(self, other: "Usage") -> "Usage":
        """Return the sum, kind by kind."""
        return Usage(
            input=self.input + other.input,
            cache_write=self.cache_write + other.cache_write,
            cache_read=self.cache_read + other.cache_read,
            output=self.output + other.output,
        )


@dataclass(frozen=True)
class Message:
    """One turn of a conversation."""

    role: str
    text: str


@dataclass(frozen=True)
class Request:
    """One call.

    Attributes:
        system: instructions for the whole search; the same bytes in every call.
        context: the trials so far, sent before the messages; text is only ever appended to it.
        messages: the conversation, `user` and `assistant` in turn, `user` last.
        seed: seed of a proposer that draws at random; differs from call to call.
        number: number of the trial that needs a proposal.
        attempt: number of rejected answers to this request so far.
    """

    system: str
    messages: tuple[Message, ...]
    seed: int = 0
    number: int = 0
    attempt: int = 0
    context: str = ""


@dataclass(frozen=True)
class Reply:
    """One answer.

    Attributes:
        text: what the model wrote.
        usage: tokens; None if the service reported none, or impossible numbers.
        model: the model that answered, by its own name.
        stop: why the answer ended: `end`, `length` if it was cut off, or `refusal`.
        seconds: duration of the call, waiting for the service included.
    """

    text: str
    usage: Usage | None
    model: str
    stop: str = "end"
    seconds: float = 0.0


@dataclass(frozen=True)
class AnswerFormat:
    """The form of the answers that a model must give.

    Attributes:
        draw: writes an answer without a model, given the request and a random generator.
        schema: JSON Schema of an answer, for services with structured output; None for plain text.
        grammar: a grammar of all answers in Lark's notation, for constrained decoding; None if
            there is no such grammar.
        longest: number of characters of the longest answer of `grammar`.
    """

    draw: Callable[[Request, random.Random], str]
    schema: dict[str, Any] | None = None
    grammar: str | None = None
    longest: int = 0


@dataclass(frozen=True)
class Billing:
    """Whose prices apply to the calls of a proposer.

    Attributes:
        provider: the provider, as genai-prices names it.
        model: the model, as the provider names it.
    """

    provider: str
    model: str


class Proposer(Protocol):
    """A model that answers requests.

    Attributes:
        name: its name in `PROPOSERS`.
        model: name of the model.
        billing: whose prices apply; None if calls are free.
        service: what answers and where, for messages about trouble.
        memory: upper bound of the number of trials that a request should describe.
        max_output: upper bound of the tokens of an answer.
        on_trouble: called with the reason when the service is not available, and with None after
            the next answer.
    """

    name: str
    model: str
    billing: Billing | None
    service: str
    memory: int
    max_output: int
    on_trouble: Callable[[str | None], None]

    def open(self) -> None:
        """Prepare for requests.

        Raises:
            UsageError: a key or a package is missing.
        """

    def ask(self, request: Request) -> Reply:
        """Return an answer; several threads may call this at once.

        Raises:
            UsageError: the key, the model or the request is refused; a repetition cannot help.
            RunError: the service did not come back.
        """

    def close(self) -> None:
        """Release connections and memory."""
