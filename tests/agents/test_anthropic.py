"""The real SDK against a real HTTP server: requests, replies and retries."""

import json
import threading
from dataclasses import replace

import pytest

from aira_dsl.agents.models import service as service_module
from aira_dsl.agents.models.anthropic import DEFAULT_MODEL, STREAMED, AnthropicProposer
from aira_dsl.agents.models.base import Message as Turn
from aira_dsl.agents.models.base import Request, Usage
from aira_dsl.errors import RunError, UsageError
from aira_dsl.study.architecture_agent.answer_format import SCHEMA
from tests.helpers.model_service import KEY, NOW, Failure, Message, Service, serving

REQUEST = Request(
    system="rules", context="tried: nothing",
    messages=(Turn("user", "draft"), Turn("assistant", "oops"), Turn("user", "again")),
)  # fmt: skip
GOOD = Message('{"hypothesis": "h", "architecture": "4A"}')


@pytest.fixture(autouse=True)
def _key(monkeypatch):
    monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
    monkeypatch.delenv("ANTHROPIC_AUTH_TOKEN", raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def proposer():
    """Makes proposers that ask a service, and closes them."""
    made = []

    def make(service: Service, **options) -> AnthropicProposer:
        made.append(AnthropicProposer(SCHEMA, base_url=service.url, **options))
        made[-1].open()
        return made[-1]

    yield make
    for each in made:
        each.close()


def answers(*script):
    """Answer by a script; the last answer is repeated."""
    return lambda body, place: script[min(place, len(script) - 1)]


@pytest.mark.parametrize("output", [STREAMED, STREAMED + 1], ids=["json", "events"])
@pytest.mark.parametrize("thinking", [False, True])
def test_an_answer_with_its_usage(proposer, output, thinking):
    with serving(answers(Message(GOOD.text, thinking=thinking))) as service:
        reply = proposer(service, max_output=output).ask(REQUEST)
        assert service.requests[0].get("stream", False) == (output > STREAMED)
    assert reply.text == GOOD.text
    assert reply.stop == "end"
    assert reply.model == DEFAULT_MODEL
    assert reply.usage == Usage(input=100, cache_write=7, cache_read=1000, output=20)


def test_the_request_of_a_call(proposer):
    with serving(answers(GOOD)) as service:
        proposer(service, model="some-model", effort="low").ask(REQUEST)
        (sent,) = service.requests
    assert sent["model"] == "some-model"
    assert sent["output_config"]["effort"] == "low"
    assert sent["output_config"]["format"]["schema"]["required"] == ["hypothesis", "architecture"]
    assert not {"temperature", "top_p", "top_k", "tool_choice", "thinking"} & sent.keys()
    (system,) = sent["system"]
    assert (system["text"], system["cache_control"]) == ("rules", {"type": "ephemeral"})
    first = sent["messages"][0]["content"]
    assert [block["text"] for block in first] == ["tried: nothing", "draft"]
    assert ["cache_control" in block for block in first] == [True, False]


def test_plain_text_is_asked_for_without_a_schema():
    with serving(answers(Message("```python\npass\n```"))) as service:
        asked = AnthropicProposer(None, base_url=service.url)
        asked.open()
        assert asked.ask(REQUEST).text == "```python\npass\n```"
        asked.close()
        (sent,) = service.requests
    assert "output_config" not in sent
    assert sent["messages"][1:] == [
        {"role": "assistant", "content": "oops"},
        {"role": "user", "content": "again"},
    ]
    assert KEY not in json.dumps({k: v for k, v in sent.items() if k != "headers"})


@pytest.mark.parametrize(
    ("stop", "expected"),
    [
        ("refusal", "refusal"),
        ("max_tokens", "length"),
        ("model_context_window_exceeded", "length"),
        ("stop_sequence", "end"),
    ],
)
def test_the_reason_why_an_answer_ended(proposer, stop, expected):
    with serving(answers(Message('{"hypo', stop=stop))) as service:
        assert proposer(service).ask(REQUEST).stop == expected


@pytest.mark.parametrize(
    "fault",
    [
        Failure(429, "rate_limit_error", headers={**NOW, "retry-after": "0"}),
        Failure(529, "overloaded_error"),
        Failure(500),
        Failure(503),
        Failure(408),
        Failure(0),
        Failure(1),
        Failure(200, body="{ not json"),
    ],
    ids=["429", "529", "500", "503", "408", "dropped", "broken off", "malformed"],
)
@pytest.mark.parametrize("output", [STREAMED, STREAMED + 1], ids=["json", "events"])
def test_temporary_failures_are_retried(proposer, fault, output):
    with serving(answers(fault, GOOD)) as service:
        reply = proposer(service, max_output=output, pause=lambda seconds: None).ask(REQUEST)
        assert reply.text == GOOD.text
        assert len(service.requests) >= 2


def test_a_long_outage_is_reported_and_survived(proposer):
    pauses, told = [], []
    script = [*[Failure(503)] * 20, GOOD]
    with serving(answers(*script)) as service:
        asked = proposer(service, pause=pauses.append)
        asked.on_trouble = told.append
        assert asked.ask(REQUEST).text == GOOD.text
    assert pauses == sorted(pauses), "pauses must not become shorter"
    assert pauses[-1] <= 300
    assert len(pauses) >= 5
    assert told[-1] is None
    assert all(isinstance(reason, str) for reason in told[:-1])


def test_patience_ends(proposer, monkeypatch):
    monkeypatch.setattr(service_module, "BACKOFF", replace(service_module.BACKOFF, patience=-1.0))
    with serving(answers(Failure(503))) as service, pytest.raises(RunError, match="E0907"):
        proposer(service).ask(REQUEST)


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "E0815"),
        (403, "E0815"),
        (404, "E0816"),
        (400, "E0817"),
        (402, "E0817"),
        (413, "E0817"),
    ],
)
def test_final_failures_are_errors_at_once(proposer, status, code):
    body = json.dumps({"type": "error", "error": {"type": "x", "message": f"no: {KEY} is bad"}})
    with serving(answers(Failure(status, body=body))) as service:
        with pytest.raises(UsageError, match=code) as caught:
            proposer(service).ask(REQUEST)
        assert len(service.requests) == 1
    assert KEY not in str(caught.value)
    assert caught.value.exit_code == 2


def test_no_key(monkeypatch):
    monkeypatch.delenv("ANTHROPIC_API_KEY")
    with pytest.raises(UsageError, match="E0814"):
        AnthropicProposer(SCHEMA).open()


def test_a_closed_port_is_retried():
    with serving(answers(GOOD)) as service:
        url = service.url

    def enough(seconds: float) -> None:
        raise KeyboardInterrupt

    asked = AnthropicProposer(SCHEMA, base_url=url, pause=enough)
    asked.open()
    with pytest.raises(KeyboardInterrupt):
        asked.ask(REQUEST)
    asked.close()


@pytest.mark.parametrize(
    "url",
    [
        "nonsense", "localhost:8080", "127.0.0.1", "ftp://host", "http://", "https:///path",
        "http://host:port", "http://[::1", "http://a b", "file:///etc/passwd", "http://host\n",
    ],
)  # fmt: skip
def test_a_text_that_is_not_a_url_is_refused_at_once(url, monkeypatch):
    with pytest.raises(UsageError, match="E0820"):
        AnthropicProposer(SCHEMA, base_url=url)
    monkeypatch.setenv("ANTHROPIC_BASE_URL", url)
    with pytest.raises(UsageError, match="E0820") as caught:
        AnthropicProposer(SCHEMA)
    assert "ANTHROPIC_BASE_URL" in (caught.value.help or "")


def test_the_service_is_named_without_a_password():
    url = "https://me:secret-password@example.org:8443/claude/?token=abc"
    assert AnthropicProposer(SCHEMA, base_url=url).service == (
        "the model service at https://example.org:8443/claude"
    )


def test_trouble_ends_with_the_first_answer_of_any_call(proposer):
    """Two calls in trouble: one end is reported, and only after an answer."""
    both = threading.Barrier(
        2, timeout=600
    )  # each pause lasts until the other call has failed, too
    told = []
    with serving(answers(*[Failure(503)] * 6, GOOD)) as service:
        asked = proposer(service, pause=lambda seconds: both.wait())
        asked.on_trouble = told.append
        threads = [threading.Thread(target=asked.ask, args=(REQUEST,)) for _ in range(2)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert None not in told[:-1]
    assert told[-1] is None
