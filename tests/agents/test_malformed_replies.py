"""What a model service may send in place of a message, for every kind of status and body."""

import json
from dataclasses import replace

import pytest

from aira_dsl.agents.models.anthropic import DEFAULT_MODEL, STREAMED, AnthropicProposer
from aira_dsl.agents.models.base import Message as Turn
from aira_dsl.agents.models.base import Request, Usage
from aira_dsl.agents.text import REDACTED, WITHHELD, redact
from aira_dsl.errors import UsageError
from aira_dsl.study.architecture_agent.answer_format import SCHEMA
from tests.helpers.model_service import KEY, NOW, Failure, Message, serving

REQUEST = Request(system="rules", messages=(Turn("user", "draft"),))
GOOD = Message('{"hypothesis": "h", "architecture": "4A"}')
BILLED = Usage(input=100, cache_write=7, cache_read=1000, output=20)

# Bodies that are not a message: the request is sent again.
NO_MESSAGE = {
    "HTML": "<!doctype html><title>Sign in</title>",
    "text": "upstream connect error",
    "empty": "",
    "broken JSON": '{"id": "msg_1", "content": [',
    "null": "null",
    "true": "true",
    "number": "3",
    "string": '"hello"',
    "empty list": "[]",
    "list": '[{"type": "message"}]',
    "empty object": "{}",
    "other object": '{"error": "maintenance"}',
    "content and usage missing": json.dumps(replace(
        GOOD, changes={"content": ..., "usage": ...}).body("m")),
}  # fmt: skip

# Messages with a wrong field: the text that is read, and the usage.
READABLE = {
    "content null": ({"content": None}, "", BILLED),
    "content missing": ({"content": ...}, "", BILLED),
    "content a string": ({"content": "4A"}, "", BILLED),
    "content an object": ({"content": {}}, "", BILLED),
    "content empty": ({"content": []}, "", BILLED),
    "block null": ({"content": [None]}, "", BILLED),
    "block a string": ({"content": ["4A"]}, "", BILLED),
    "block without a type": ({"content": [{"text": "4A"}]}, "", BILLED),
    "block of an unknown type": ({"content": [{"type": "new", "text": "4A"}]}, "", BILLED),
    "text null": ({"content": [{"type": "text", "text": None}]}, "", BILLED),
    "text a number": ({"content": [{"type": "text", "text": 4}]}, "", BILLED),
    "text missing": ({"content": [{"type": "text"}]}, "", BILLED),
    "usage null": ({"usage": None}, GOOD.text, None),
    "usage missing": ({"usage": ...}, GOOD.text, None),
    "usage a list": ({"usage": []}, GOOD.text, None),
    "usage empty": ({"usage": {}}, GOOD.text, None),
    "usage negative": ({"usage": {"input_tokens": -5, "output_tokens": 1}}, GOOD.text, None),
    "output negative": ({"usage": {"input_tokens": 5, "output_tokens": -1}}, GOOD.text, None),
    "cache negative": ({"usage": {**GOOD.usage, "cache_read_input_tokens": -1}}, GOOD.text, None),
    "usage strings": ({"usage": {"input_tokens": "5", "output_tokens": "1"}}, GOOD.text, None),
    "usage booleans": ({"usage": {"input_tokens": True, "output_tokens": True}}, GOOD.text, None),
    "usage fractions": ({"usage": {"input_tokens": 0.5, "output_tokens": 1}}, GOOD.text, None),
    "model null": ({"model": None}, GOOD.text, BILLED),
    "model missing": ({"model": ...}, GOOD.text, BILLED),
    "model a number": ({"model": 5}, GOOD.text, BILLED),
    "stop reason null": ({"stop_reason": None}, GOOD.text, BILLED),
    "stop reason missing": ({"stop_reason": ...}, GOOD.text, BILLED),
    "stop reason a list": ({"stop_reason": []}, GOOD.text, BILLED),
    "role missing": ({"role": ...}, GOOD.text, BILLED),
    "type missing": ({"type": ...}, GOOD.text, BILLED),
    "id missing": ({"id": ...}, GOOD.text, BILLED),
}

BODIES = NO_MESSAGE | {
    name: json.dumps(replace(GOOD, changes=changes).body(DEFAULT_MODEL))
    for name, (changes, _, _) in READABLE.items()
}
FINAL = {400: "E0817", 401: "E0815", 403: "E0815", 404: "E0816", 405: "E0817", 422: "E0817"}
OUTPUTS = (STREAMED, STREAMED + 1)
TEMPORARY = [408, 409, 429, 500, 502, 503, 529]


class Exchange:
    """A service, and a proposer of each kind (JSON, events) that asks it.

    Attributes:
        pauses: seconds of all pauses of the proposers.
        troubles: what the proposers reported.
        requests: number of requests.
        url: URL of the service.
    """

    def __init__(self, service):
        self.url, self._service = service.url, service
        self.proposers = {
            output: AnthropicProposer(
                SCHEMA,
                base_url=service.url,
                max_output=output,
                pause=self._pause,
            )
            for output in OUTPUTS
        }
        for proposer in self.proposers.values():
            proposer.on_trouble = self._report
            proposer.open()

    def ask(self, answer, *, times=10**9, output=STREAMED):
        """Ask for an answer; the service sends the given one some times, then a good message."""
        self.pauses, self.troubles = [], []
        before = len(self._service.requests)
        self._service.behaviour = lambda body, place: answer if place - before < times else GOOD
        try:
            return self.proposers[output].ask(REQUEST)
        finally:
            self.requests = len(self._service.requests) - before

    def _pause(self, seconds):
        self.pauses.append(seconds)

    def _report(self, reason):
        self.troubles.append(reason)

    def close(self):
        for proposer in self.proposers.values():
            proposer.close()


@pytest.fixture(scope="module")
def exchange():
    with pytest.MonkeyPatch.context() as environment, serving(lambda body, place: GOOD) as service:
        environment.setenv("ANTHROPIC_API_KEY", KEY)
        environment.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
        environment.setenv("NO_PROXY", "127.0.0.1")
        made = Exchange(service)
        yield made
        made.close()


def test_there_are_enough_kinds():
    assert len(BODIES) == 44
    assert len(BODIES) * (1 + len(FINAL) + len(TEMPORARY)) == 616


@pytest.mark.parametrize("name", NO_MESSAGE)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
@pytest.mark.parametrize("output", OUTPUTS, ids=["json", "events"])
def test_a_reply_that_is_not_a_message_is_requested_again(exchange, name, content_type, output):
    headers = {**NOW, "content-type": content_type}
    answer = Failure(200, body=NO_MESSAGE[name], headers=headers)
    assert exchange.ask(answer, times=2, output=output).text == GOOD.text
    assert len(exchange.pauses) == 2
    assert all("its reply cannot be read" in reason for reason in exchange.troubles[:-1])
    assert exchange.troubles[-1] is None


@pytest.mark.parametrize("name", READABLE)
def test_a_message_with_a_wrong_field_is_read_without_it(exchange, name):
    changes, text, usage = READABLE[name]
    reply = exchange.ask(Message(GOOD.text, changes=changes))
    assert (reply.text, reply.usage) == (text, usage)
    assert (reply.model, reply.stop) == (DEFAULT_MODEL, "end")
    assert exchange.requests == 1
    assert not exchange.troubles


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")  # of the SDK
@pytest.mark.parametrize("name", READABLE)
def test_a_stream_with_a_wrong_field_is_an_answer_or_requested_again(exchange, name):
    """The SDK puts a stream together and fills some gaps; what it cannot read is trouble."""
    changes, text, _ = READABLE[name]
    reply = exchange.ask(Message(GOOD.text, changes=changes), times=1, output=STREAMED + 1)
    if exchange.troubles:
        assert "its reply cannot be read" in exchange.troubles[0]
        assert (reply.text, reply.usage) == (GOOD.text, BILLED)
    else:
        assert reply.text == text
        assert reply.usage is None or min(reply.usage.model_dump().values()) >= 0


@pytest.mark.parametrize("status", FINAL)
def test_a_final_status_is_an_error_whatever_the_body_is(exchange, status):
    for body in BODIES.values():
        with pytest.raises(UsageError, match=FINAL[status]):
            exchange.ask(Failure(status, body=body))
        assert exchange.requests == 1


@pytest.mark.parametrize("status", TEMPORARY)
def test_a_temporary_status_is_waited_for_whatever_the_body_is(exchange, status):
    for body in BODIES.values():
        reply = exchange.ask(Failure(status, body=body), times=3)  # the SDK tries three times
        assert reply.text == GOOD.text
        assert len(exchange.pauses) == 1
        assert exchange.troubles[-1] is None


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"the key is {KEY}, really", f"the key is {REDACTED}, really"),
        (KEY.replace("-", "\\u002d"), WITHHELD),
        (KEY.replace("-", "\u200b-"), WITHHELD),
        (KEY.replace("secret", "\nsecret"), WITHHELD),
        ("no key in here", "no key in here"),
    ],
    ids=["plain", "escaped", "with invisible characters", "in two lines", "none"],
)
@pytest.mark.parametrize("output", OUTPUTS, ids=["json", "events"])
def test_a_key_in_an_answer_is_redacted(exchange, text, expected, output):
    reply = exchange.ask(Message(text, changes={"model": f"model-{KEY}"}), output=output)
    assert reply.text == expected
    assert reply.model == f"model-{REDACTED}"


def test_a_key_in_an_error_is_redacted(exchange):
    body = json.dumps({"error": {"message": f"bad key {KEY} " * 50}})
    with pytest.raises(UsageError) as caught:
        exchange.ask(Failure(400, body=body))
    assert KEY[:10] not in str(caught.value)
    exchange.ask(
        Failure(200, body=f"<html>{KEY}" * 50, headers={"content-type": "text/html"}), times=1
    )
    assert REDACTED in exchange.troubles[0]
    assert KEY[:10] not in exchange.troubles[0]


def test_a_short_placeholder_of_a_key_is_not_redacted():
    assert redact("none of these", ["none"]) == "none of these"
