"""What a proposer is: it turns a request into one answer text, and says what that cost."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from pydantic import BaseModel, ConfigDict


class Usage(BaseModel):
    """Tokens of one call.

    Attributes:
        input: tokens read anew, at the full price.
        cache_write: tokens read and put into the provider's cache.
        cache_read: tokens found in the cache.
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
        system: what holds for the whole search; the same bytes in every call.
        context: what was tried so far, to be told before the messages; only ever added to.
        messages: the conversation, `user` and `assistant` in turn, `user` last.
        seed: decides the answer where a proposer is free to draw: it differs from call to call.
        number: of the trial that is asked for.
        attempt: 0, or how many answers to this request could not be used.
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
        text: what the model wrote; expected to be a JSON object with `hypothesis` and
            `architecture`.
        usage: what it cost.
        model: the model that answered, as it names itself.
        stop: why it ended: `end`, `length` if it was cut off, `refusal`.
    """

    text: str
    usage: Usage
    model: str
    stop: str = "end"


class Proposer(Protocol):
    """A source of answers; one that is used up, unreachable or refused raises an AiraError.

    Attributes:
        name: `anthropic`, `local` or `scripted`.
        model: the model that is asked.
        memory: how many trials it can be told of.
        max_output: tokens that an answer may have at most.
        on_trouble: told why the service can not be reached, and None when it can again.
    """

    name: str
    model: str
    memory: int
    max_output: int
    on_trouble: Callable[[str | None], None]

    def open(self) -> None:
        """Get ready to be asked.

        Raises:
            UsageError: a key or a package is missing.
        """

    def ask(self, request: Request) -> Reply:
        """Return an answer. Called from several threads at once.

        Raises:
            UsageError: the key, the model or the request is refused; asking again will not help.
            RunError: the service stays away.
        """

    def close(self) -> None:
        """Let go of what it holds."""
