"""The protocols of model services: how they answer, what they bill, and who asks them."""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.agents.models.base import Billing, Request, Usage
from aira_dsl.agents.models.base import Message as Turn
from aira_dsl.agents.prices import load_prices
from aira_dsl.study.trials import Trial
from tests.helpers.chat_service import Completion
from tests.helpers.model_service import KEY, Behaviour, Failure, Message, Service

Draw = Callable[[Request, random.Random], str]
"""The scripted proposer's: an answer from a request alone."""

ENVIRONMENT = {"ANTHROPIC_API_KEY": KEY, "OPENAI_API_KEY": KEY, "NO_PROXY": "127.0.0.1"}

FAULTS = (
    Failure(429, "rate_limit_error"), Failure(529, "overloaded_error"), Failure(0), Failure(500),
    Failure(1),
)  # fmt: skip


def messages(draw: Draw) -> Behaviour:
    """Answer as the scripted proposer would, from what is sent alone."""

    def answer(body: dict[str, Any], place: int) -> Message:
        turns = [(m["role"], m["content"]) for m in body["messages"]]
        texts = [c if isinstance(c, str) else c[-1]["text"] for _, c in turns]
        told = "" if isinstance(turns[0][1], str) else turns[0][1][0]["text"]
        seed = random.Random(told + "".join(texts)).getrandbits(32)
        said = tuple(Turn("user", text) for text in texts)
        request = Request("", said, seed, attempt=len(texts) // 2)
        return Message(draw(request, random.Random(seed)))

    return answer


def completions(draw: Draw) -> Behaviour:
    """Answer as `messages`, in the protocol of chat completions."""
    plain = messages(draw)

    def answer(body: dict[str, Any], place: int) -> Completion:
        said = plain({"messages": body["messages"][1:]}, place)
        assert isinstance(said, Message)
        return Completion(said.text)

    return answer


def unreliable(answer: Behaviour) -> Behaviour:
    """Fail in a third of the calls."""

    def sometimes(body: dict[str, Any], place: int) -> Message | Failure:
        return FAULTS[place // 3 % len(FAULTS)] if place % 3 == 0 else answer(body, place)

    return sometimes


def _billed_messages(sent: list[Message]) -> Usage:
    return sum((Usage(
        input=m.usage["input_tokens"], output=m.usage["output_tokens"],
        cache_write=m.usage["cache_creation_input_tokens"],
        cache_read=m.usage["cache_read_input_tokens"],
    ) for m in sent), Usage())  # fmt: skip


def _billed_completions(sent: list[Message]) -> Usage:
    usages: list[Any] = [each.usage for each in sent]
    cached = sum(usage["prompt_tokens_details"]["cached_tokens"] for usage in usages)
    return Usage(
        input=sum(usage["prompt_tokens"] for usage in usages) - cached,
        cache_read=cached,
        output=sum(usage["completion_tokens"] for usage in usages),
    )


@dataclass(frozen=True)
class Protocol:
    """A protocol.

    Attributes:
        answering: makes the behaviour of a service from what draws its answers.
        billed: sums up the usage that the service reported in what it sent.
        billing: what is billed, for its price.
        options: of a command that asks the service.
    """

    answering: Callable[[Draw], Behaviour]
    billed: Callable[[list[Message]], Usage]
    billing: Billing
    options: tuple[str, ...]


PROTOCOLS = {
    "anthropic": Protocol(
        messages, _billed_messages, Billing("anthropic", "claude-sonnet-5-5"),
        ("--proposer", "anthropic"),
    ),
    "pydantic-ai": Protocol(
        completions, _billed_completions, Billing("openai", "gpt-5"),
        ("--proposer", "pydantic-ai", "--model", "openai:gpt-5"),
    ),
}  # fmt: skip


def assert_accounts(protocol: Protocol, service: Service, rows: Sequence[Trial]) -> None:
    """Compare calls, tokens and dollars of a run with what the unreliable service has sent."""
    calls = [call for row in rows for call in row.calls]
    assert len(calls) == len(service.sent) >= len(rows)
    assert len(service.requests) >= len(calls) * 3 // 2 - 1
    billed = protocol.billed(service.sent)
    assert sum((call.usage for call in calls), Usage()) == billed
    usd = load_prices().usd(protocol.billing, billed)
    assert sum(call.usd for call in calls) == pytest.approx(usd)


def files_with(secret: str, folder: Path) -> list[Path]:
    """Return the files that contain a text."""
    return [p for p in folder.rglob("*") if p.is_file() and secret.encode() in p.read_bytes()]
