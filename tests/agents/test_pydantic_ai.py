"""pydantic-ai against real HTTP servers of three protocols: requests, replies, retries, secrets."""

import json
import threading
from dataclasses import replace
from typing import Any

import pytest

from aira_dsl.agents.models import Billing, make_proposer
from aira_dsl.agents.models import service as service_module
from aira_dsl.agents.models.base import Message as Turn
from aira_dsl.agents.models.base import Request, Usage
from aira_dsl.agents.models.pydantic_ai import PydanticAIProposer
from aira_dsl.agents.text import REDACTED, WITHHELD
from aira_dsl.errors import RunError, UsageError
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answer_format import SCHEMA, answer_format
from tests.helpers.chat_service import Completion, GeminiReply, ResponsesReply
from tests.helpers.model_service import NOW, Failure, Message, Service, serving

KEY = "sk-proj-secret-0123456789"
REQUEST = Request(
    system="rules", context="tried: nothing",
    messages=(Turn("user", "draft"), Turn("assistant", "oops"), Turn("user", "again")),
)  # fmt: skip
GOOD = Completion('{"hypothesis": "h", "architecture": "4A"}')
BILLED = Usage(input=107, cache_read=1000, output=20)


@pytest.fixture(autouse=True)
def _environment(monkeypatch):
    for name in ("OPENAI_API_KEY", "ANTHROPIC_API_KEY", "GOOGLE_API_KEY"):
        monkeypatch.setenv(name, KEY)
    for name in ("OPENAI_BASE_URL", "OLLAMA_BASE_URL", "VLLM_BASE_URL", "GEMINI_API_KEY"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("NO_PROXY", "127.0.0.1")


@pytest.fixture
def proposer():
    """Makes proposers that ask a service without pauses, and closes them."""
    made = []

    def make(service: Service, model: str = "openai:gpt-5", **options) -> PydanticAIProposer:
        options = {"pause": lambda seconds: None, **options}
        made.append(PydanticAIProposer(SCHEMA, model, base_url=service.url, **options))
        made[-1].open()
        return made[-1]

    yield make
    for each in made:
        each.close()


def answers(*script):
    """Answer by a script; the last answer is repeated."""
    return lambda body, place: script[min(place, len(script) - 1)]


@pytest.mark.parametrize("thinking", [False, True])
def test_an_answer_with_its_usage(proposer, thinking):
    with serving(answers(replace(GOOD, thinking=thinking))) as service:
        asked = proposer(service)
        reply = asked.ask(REQUEST)
    assert (reply.text, reply.stop, reply.model, reply.usage) == (GOOD.text, "end", "gpt-5", BILLED)
    assert asked.service == f"the model service at {service.url}"


def test_the_request_of_a_call(proposer):
    with serving(answers(GOOD)) as service:
        proposer(service, effort="low", max_output=500).ask(REQUEST)
        (sent,) = service.requests
    assert sent["path"] == "/chat/completions"
    assert (sent["model"], sent["reasoning_effort"], sent["max_completion_tokens"]) == (
        "gpt-5", "low", 500,
    )  # fmt: skip
    schema = sent["response_format"]["json_schema"]["schema"]
    assert schema["required"] == ["hypothesis", "architecture"]
    assert not {"temperature", "top_p", "tools", "tool_choice"} & sent.keys()
    assert sent["messages"] == [
        {"role": "system", "content": "rules"},
        {"role": "user", "content": "tried: nothing\n\ndraft"},
        {"role": "assistant", "content": "oops"},
        {"role": "user", "content": "again"},
    ]
    assert sent["headers"]["authorization"] == f"Bearer {KEY}"


def test_plain_text_is_asked_for_without_a_schema():
    with serving(answers(Completion("```python\npass\n```"))) as service:
        asked = PydanticAIProposer(None, "openai:gpt-5", base_url=service.url)
        asked.open()
        assert asked.ask(REQUEST).text == "```python\npass\n```"
        asked.close()
        (sent,) = service.requests
    assert "response_format" not in sent


def test_a_local_server_needs_no_key_and_is_free(proposer, monkeypatch):
    monkeypatch.delenv("OPENAI_API_KEY")
    for model in ("ollama:qwen3", "vllm:Qwen/Qwen3-8B"):
        with serving(answers(GOOD)) as service:
            asked = proposer(service, model)
            assert asked.ask(REQUEST).text == GOOD.text
            assert asked.billing is None
    with serving(answers(GOOD)) as service:
        assert proposer(service, "openai:own-model").ask(REQUEST).text == GOOD.text
    assert PydanticAIProposer(SCHEMA, "ollama:qwen3").service.endswith("http://localhost:11434/v1")


@pytest.mark.parametrize(
    ("model", "url", "billing"),
    [
        ("openai:gpt-5", None, Billing("openai", "gpt-5")),
        ("openai-responses:gpt-5", None, Billing("openai", "gpt-5")),
        ("openrouter:a/b:free", None, Billing("openrouter", "a/b:free")),
        ("ollama:gpt-oss:120b-cloud", None, Billing("ollama", "gpt-oss:120b-cloud")),
        ("ollama:x", "https://ollama.com/v1", Billing("ollama", "x")),
        ("ollama:x:8b", None, None),
    ],
)
def test_whose_prices_apply(model, url, billing):
    assert PydanticAIProposer(SCHEMA, model, base_url=url).billing == billing


@pytest.mark.parametrize(
    ("model", "answer", "usage"),
    [
        ("anthropic:claude-sonnet-5-5", Message("4A"),
         Usage(input=100, cache_write=7, cache_read=1000, output=20)),
        ("google:gemini-2.5-pro", GeminiReply("4A"), Usage(input=107, cache_read=1000, output=25)),
        ("openai-responses:gpt-5", ResponsesReply("4A"), BILLED),
    ],
    ids=["anthropic", "google", "responses"],
)  # fmt: skip
def test_other_protocols(proposer, model, answer, usage):
    with serving(answers(Failure(503), replace(answer, thinking=True))) as service:
        reply = proposer(service, model).ask(REQUEST)
        assert len(service.requests) == 2
        assert any(KEY in value for value in service.requests[0]["headers"].values())
    assert (reply.text, reply.stop, reply.usage) == ("4A", "end", usage)


@pytest.mark.parametrize(
    ("stop", "expected"),
    [("stop", "end"), ("length", "length"), ("content_filter", "refusal"), ("new", "end")],
)
def test_the_reason_why_an_answer_ended(proposer, stop, expected):
    with serving(answers(Completion('{"hypo', stop=stop))) as service:
        assert proposer(service).ask(REQUEST).stop == expected


@pytest.mark.parametrize(
    ("stop", "expected"), [("max_output_tokens", "length"), ("content_filter", "refusal")]
)
def test_the_reason_why_an_answer_of_the_newer_protocol_is_incomplete(proposer, stop, expected):
    with serving(answers(ResponsesReply('{"hypo', stop=stop))) as service:
        reply = proposer(service, "openai-responses:gpt-5", effort="low").ask(REQUEST)
        (sent,) = service.requests
    assert (reply.stop, sent["path"]) == (expected, "/responses")
    assert sent["reasoning"]["effort"] == "low"
    assert sent["text"]["format"]["schema"]["required"] == ["hypothesis", "architecture"]


def test_a_refusal_in_place_of_a_text(proposer):
    message = {"role": "assistant", "content": None, "refusal": "I will not."}
    choices = [{"index": 0, "message": message, "finish_reason": "stop"}]
    with serving(answers(Completion("", changes={"choices": choices}))) as service:
        reply = proposer(service).ask(REQUEST)
    assert (reply.text, reply.stop, reply.usage) == ("", "refusal", BILLED)


@pytest.mark.parametrize(
    "fault",
    [
        Failure(429, "rate_limit_error"), Failure(529, "overloaded_error"), Failure(500),
        Failure(503), Failure(408), Failure(0), Failure(1),
    ],
    ids=["429", "529", "500", "503", "408", "dropped", "broken off"],
)  # fmt: skip
def test_temporary_failures_are_retried(proposer, fault):
    with serving(answers(fault, GOOD)) as service:
        assert proposer(service).ask(REQUEST).text == GOOD.text
        assert len(service.requests) >= 2


NO_MESSAGE = {
    "HTML": "<!doctype html><title>Sign in</title>", "empty": "", "broken JSON": '{"choices": [',
    "null": "null", "number": "3", "empty list": "[]", "empty object": "{}",
    "other object": '{"error": "maintenance"}',
}  # fmt: skip


@pytest.mark.parametrize("name", NO_MESSAGE)
@pytest.mark.parametrize("content_type", ["application/json", "text/html"])
def test_a_reply_that_is_not_a_completion_is_requested_again(proposer, name, content_type):
    told: list[Any] = []
    fault = Failure(200, body=NO_MESSAGE[name], headers={**NOW, "content-type": content_type})
    with serving(answers(fault, fault, GOOD)) as service:
        asked = proposer(service)
        asked.on_trouble = told.append
        assert asked.ask(REQUEST).text == GOOD.text
    assert len(told) == 3
    assert all("its reply cannot be read" in reason for reason in told[:-1])
    assert told[-1] is None


MESSAGE = {"role": "assistant", "content": GOOD.text}
UNREADABLE = {
    "choices null": {"choices": None}, "choices missing": {"choices": ...},
    "choices empty": {"choices": []}, "choices a string": {"choices": "4A"},
    "message null": {"choices": [{"index": 0, "finish_reason": "stop", "message": None}]},
    "message missing": {"choices": [{"index": 0, "finish_reason": "stop"}]},
    "content a number": {"choices": [{"index": 0, "finish_reason": "stop",
                                      "message": {**MESSAGE, "content": 4}}]},
    "model null": {"model": None}, "id missing": {"id": ...}, "usage a string": {"usage": "many"},
}  # fmt: skip


@pytest.mark.parametrize("name", UNREADABLE)
def test_an_unreadable_completion_is_charged_and_an_answer_without_a_text(proposer, name):
    """Repeating it would be charged again; the answer is returned for repair instead."""
    with serving(answers(Completion(GOOD.text, changes=UNREADABLE[name]))) as service:
        reply = proposer(service).ask(REQUEST)
        assert len(service.requests) == 1
    assert (reply.text, reply.usage, reply.stop) in [
        ("", None, "end"),
        (GOOD.text, BILLED, "end"),  # pydantic-ai can do without the field
    ]


@pytest.mark.parametrize(
    "usage",
    [None, ..., {}, {"prompt_tokens": -5, "completion_tokens": 1, "total_tokens": 1},
     {"prompt_tokens": 5, "completion_tokens": 1, "total_tokens": 6,
      "prompt_tokens_details": {"cached_tokens": 9}}],
)  # fmt: skip
def test_usage_that_cannot_be_true_counts_as_not_reported(proposer, usage):
    with serving(answers(Completion(GOOD.text, changes={"usage": usage}))) as service:
        reply = proposer(service).ask(REQUEST)
        assert len(service.requests) == 1
    assert reply.usage is None


def test_a_long_outage_is_reported_and_survived(proposer):
    pauses, told = [], []
    with serving(answers(*[Failure(503)] * 20, GOOD)) as service:
        asked = proposer(service, pause=pauses.append)
        asked.on_trouble = told.append
        assert asked.ask(REQUEST).text == GOOD.text
    assert pauses == sorted(pauses), "pauses must not become shorter"
    assert len(pauses) >= 5
    assert told[-1] is None
    assert all("503" in reason for reason in told[:-1])


def test_patience_ends(proposer, monkeypatch):
    monkeypatch.setattr(service_module, "BACKOFF", replace(service_module.BACKOFF, patience=-1.0))
    with serving(answers(Failure(503))) as service, pytest.raises(RunError, match="E0907"):
        proposer(service).ask(REQUEST)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (401, "x", "E0815"), (403, "x", "E0815"), (404, "x", "E0816"), (400, "x", "E0817"),
        (402, "x", "E0817"), (405, "x", "E0817"), (413, "x", "E0817"), (422, "x", "E0817"),
        (429, "insufficient_quota", "E0817"),
    ],
)  # fmt: skip
def test_final_failures_are_errors_without_the_key(proposer, status, kind, code):
    error = {"type": kind, "code": kind, "message": f"no: {KEY} is bad"}
    with serving(answers(Failure(status, body=json.dumps({"error": error})))) as service:
        with pytest.raises(UsageError, match=code) as caught:
            proposer(service).ask(REQUEST)
        assert len(service.requests) <= 3, "the package tries a 429 three times"
    assert KEY not in str(caught.value)
    assert REDACTED in str(caught.value)
    assert f"the model service at {service.url}" in str(caught.value)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (f"the key is {KEY}, really", f"the key is {REDACTED}, really"),
        (KEY.replace("-", "\u200b-"), WITHHELD),
        ("no key in here", "no key in here"),
    ],
    ids=["plain", "with invisible characters", "none"],
)
def test_a_key_in_an_answer_is_redacted(proposer, text, expected):
    with serving(answers(Completion(text, changes={"model": f"model-{KEY}"}))) as service:
        reply = proposer(service).ask(REQUEST)
    assert (reply.text, reply.model) == (expected, f"model-{REDACTED}")


@pytest.mark.parametrize(
    ("model", "variable"),
    [
        ("openai:gpt-5", "OPENAI_API_KEY"), ("google:gemini-2.5-pro", "GOOGLE_API_KEY"),
        ("openrouter:a/b", "OPENROUTER_API_KEY"), ("anthropic:claude-opus-5", "ANTHROPIC_API_KEY"),
    ],
)  # fmt: skip
def test_no_key(model, variable, monkeypatch):
    monkeypatch.delenv(variable, raising=False)
    with pytest.raises(UsageError, match=variable) as caught:
        PydanticAIProposer(SCHEMA, model).open()
    assert caught.value.code == "E0814"


@pytest.mark.parametrize("model", ["", "gpt-5", ":gpt-5", "openai:", "no-provider:gpt-5"])
def test_a_model_is_named_with_a_provider_that_exists(model):
    with pytest.raises(UsageError, match="E0839"):
        PydanticAIProposer(SCHEMA, model).open()


def test_options_that_a_model_does_not_have():
    for model, options in [
        ("openai:gpt-4o", {"effort": "low"}), ("cerebras:x", {"base_url": "http://127.0.0.1"})
    ]:  # fmt: skip
        with pytest.raises(UsageError, match="E0818"):
            PydanticAIProposer(SCHEMA, model, **options).open()
    with pytest.raises(UsageError, match="E0820"):
        PydanticAIProposer(SCHEMA, "openai:gpt-5", base_url="localhost:8080")


def test_packages_that_are_not_installed(monkeypatch):
    with pytest.raises(UsageError, match=r"E0831.*mistral") as caught:
        PydanticAIProposer(SCHEMA, "mistral:mistral-large-latest").open()
    assert "pip install" in (caught.value.help or "")
    monkeypatch.setattr("aira_dsl.agents.models.pydantic_ai.find_spec", lambda name: None)
    with pytest.raises(UsageError, match="E0831") as caught:
        make_proposer("pydantic-ai", answer_format(Space.default()), model="openai:gpt-5")
    assert "pydantic-ai-slim" in (caught.value.help or "")


def test_a_closed_proposer_ends_the_calls_in_flight(proposer):
    released, arrived = threading.Event(), threading.Event()

    def slow(body, place):
        arrived.set()
        released.wait(30)
        return GOOD

    ended = []

    def ask() -> None:
        try:
            asked.ask(REQUEST)
        except BaseException as error:
            ended.append(error)

    with serving(slow) as service:
        asked = proposer(service)
        thread = threading.Thread(target=ask)
        thread.start()
        assert arrived.wait(30)
        asked.close()
        thread.join(30)
        released.set()
    assert len(ended) == 1
