"""The proposer on this machine: the grammar of its answers, and the real model."""

import json
import os
import subprocess
import sys
import threading
from importlib.util import find_spec
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.lark import from_lark
from lark import Lark

from aira_dsl.agents.models import local
from aira_dsl.agents.models.base import Message, Request
from aira_dsl.agents.models.local import LocalProposer, shortened
from aira_dsl.errors import AiraError, UsageError
from aira_dsl.language import expand_pattern
from aira_dsl.study.architecture_agent.answer_grammar import (
    HYPOTHESIS,
    answer_grammar,
    longest_answer,
    terminal,
)

NAMES = ("A", "M", "Mb")
SYSTEM = "You search for a good order of layers. A is attention, M an MLP, Mb is Mamba-2."


def make(slots: int = 4, names=NAMES, **options) -> LocalProposer:
    grammar, longest = answer_grammar(names, slots), longest_answer(names, slots)
    return LocalProposer(grammar, longest, **options)


def test_answers_without_a_grammar_are_refused() -> None:
    with pytest.raises(UsageError, match=r"E0830.*fixed grammar"):
        LocalProposer(None, 0)


def request(text: str = "Propose one.", **changes) -> Request:
    return Request(**{"system": SYSTEM, "messages": (Message("user", text),), **changes})


def layers_of(text: str, names=NAMES) -> tuple[str, ...]:
    answer = json.loads(text)
    assert set(answer) == {"hypothesis", "architecture"}
    assert 1 <= len(answer["hypothesis"]) <= HYPOTHESIS
    return tuple(expand_pattern(answer["architecture"], names, filename="answer"))


NAME = st.from_regex(r"\A[A-Za-z_][A-Za-z0-9_]{0,7}\Z")


@given(st.data(), st.lists(NAME, min_size=1, max_size=5, unique=True), st.integers(1, 20))
def test_every_text_of_the_grammar_is_an_arrangement_of_the_space(data, names, slots) -> None:
    text = data.draw(from_lark(Lark(answer_grammar(names, slots))))
    assert len(layers_of(text, names)) == slots
    assert len(text) <= longest_answer(names, slots)


def test_every_arrangement_can_be_written() -> None:
    parser = Lark(answer_grammar(NAMES, 3))
    for layers in ("A-M-Mb", "Mb-Mb-Mb"):
        parser.parse(f'{{"hypothesis": "Why not.", "architecture": "{layers}"}}')
    for wrong in ("A-M", "3A", "A-M-Mb-A", "A-M-Q"):
        with pytest.raises(Exception, match=r"No terminal|Unexpected"):
            parser.parse(f'{{"hypothesis": "Why not.", "architecture": "{wrong}"}}')


def test_terminals_come_from_the_language() -> None:
    assert terminal("NAME") == "[A-Za-z_][A-Za-z0-9_]*"
    assert "-" in terminal("_DASH")


@pytest.mark.parametrize(("names", "slots"), [((), 3), (("A-M",), 3), (('"',), 1), (("A",), 0)])
def test_invalid_spaces_have_no_grammar(names, slots) -> None:
    with pytest.raises(ValueError, match="can be written"):
        answer_grammar(names, slots)


def test_a_short_context_keeps_the_newest_message_then_the_system_text() -> None:
    asked = Request(
        system="s" * 50,
        messages=(
            Message("user", "u" * 10),
            Message("assistant", "a" * 10),
            Message("user", "n" * 20),
        ),
    )
    whole = shortened(asked, 1000)
    assert [m["role"] for m in whole] == ["system", "user", "assistant", "user"]
    assert sum(len(m["content"]) for m in whole) == 90
    assert [m["content"] for m in shortened(asked, 80)] == ["s" * 50, "a" * 10, "n" * 20]
    assert [m["content"] for m in shortened(asked, 30)] == ["s" * 10, "n" * 20]
    assert [m["content"] for m in shortened(asked, 5)] == ["", "n" * 5]


class Counting:
    """Stands in for the model: a token a letter, and no more of them than fit."""

    def __init__(self, context: int) -> None:
        self.context, self.asked = context, []

    def handle_chat_completions(self, body):
        self.asked.append(body)
        taken = sum(len(m["content"]) for m in body["messages"])
        if taken >= self.context:
            error = {"type": "exceed_context_size_error", "n_prompt_tokens": taken}
            return {"error": error}
        usage = {"prompt_tokens": taken, "completion_tokens": 7}
        message = {"content": "an answer"}
        return {"choices": [{"message": message, "finish_reason": "stop"}], "usage": usage}


@pytest.fixture
def fake(tmp_path: Path, monkeypatch):
    """A proposer with a stand-in for the model."""
    monkeypatch.setattr(local, "find_spec", lambda name: object())
    (tmp_path / "small.gguf").write_text("", encoding="utf-8")
    made = make(4, model_path=tmp_path / "small.gguf", context=1000)
    made._server = Counting(1000)
    return made


def test_a_question_that_is_too_long_leaves_room_for_the_answer(fake) -> None:
    reply = fake.ask(request("the newest", system="s" * 100_000))
    assert reply.usage.input <= 1000 - fake.max_output
    assert (reply.text, reply.usage.output, reply.model, reply.stop) == (
        "an answer",
        7,
        "small",
        "end",
    )
    assert fake._server.asked[-1]["messages"][-1]["content"] == "the newest"


def test_the_answer_depends_on_seed_and_attempt_alone(fake) -> None:
    for changes in ({}, {"number": 5}, {"seed": 1}, {"attempt": 1}, {"seed": 10}):
        fake.ask(request(**changes))
    first, again, *others = [body["seed"] for body in fake._server.asked]
    assert first == again
    assert len({first, *others}) == 4
    assert all(0 <= seed < 1 << 31 for seed in others)


def test_a_failure_of_the_model_is_an_error_with_a_code(fake) -> None:
    fake._server.handle_chat_completions = lambda body: {
        "error": {"message": "no", "type": "server"}
    }
    with pytest.raises(AiraError, match="no") as caught:
        fake.ask(request())
    assert caught.value.code == "E0834"


def test_a_missing_package_is_named_with_its_installation(monkeypatch, tmp_path) -> None:
    for present in ((), ("xllamacpp",)):
        monkeypatch.setattr(local, "find_spec", lambda name, p=present: name in p or None)
        monkeypatch.setattr(local, "PACKAGE", "not_there")
        with pytest.raises(UsageError, match="install") as caught:
            _ = make(4).model
        assert caught.value.code == "E0831"
        assert "pip install 'xllamacpp" in (caught.value.help or "")
    with pytest.raises(UsageError) as caught:
        make(4, model_path=tmp_path / "missing.gguf")
    assert caught.value.code == "E0832"


def test_an_answer_that_fills_the_context_is_refused(fake) -> None:
    with pytest.raises(UsageError) as caught:
        make(2000, model_path=fake._path, context=4096)
    assert caught.value.code == "E0833"


def need_the_model() -> None:
    if find_spec("xllamacpp") is None or find_spec(local.PACKAGE) is None:
        assert not os.environ.get("CI"), f"CI runs with the local model: {local.INSTALL}"
        pytest.skip(f"the local model is not installed: {local.INSTALL}")


@pytest.fixture
def proposer(request):
    need_the_model()
    made = make(getattr(request, "param", 4))
    yield made
    made.close()


@pytest.mark.slow
@pytest.mark.parametrize("proposer", [4, 16], indirect=True)
def test_answers_of_the_model_are_arrangements(proposer, capfd) -> None:
    slots = proposer._grammar.count(" DASH ") + 1
    replies = [proposer.ask(request(seed=seed)) for seed in range(4)]
    drawn = {layers_of(reply.text) for reply in replies}
    assert {len(layers) for layers in drawn} == {slots}
    assert len(drawn) > 1
    assert all(reply.stop == "end" for reply in replies)
    assert all(0 < reply.usage.output <= proposer.max_output for reply in replies)
    assert capfd.readouterr() == ("", "")


@pytest.mark.slow
def test_the_same_request_gets_the_same_answer_whatever_was_asked_before(proposer) -> None:
    first = proposer.ask(request(seed=3))
    threads = [
        threading.Thread(target=proposer.ask, args=[request("Else.", seed=s)]) for s in (1, 2)
    ]
    for thread in threads:
        thread.start()
    assert proposer.ask(request(seed=3)) == first
    for thread in threads:
        thread.join()
    proposer.close()
    assert proposer.ask(request(seed=3)) == first
    assert proposer.ask(request(seed=3, attempt=1)) != first


@pytest.mark.slow
def test_a_long_system_text_is_cut_to_the_context() -> None:
    need_the_model()
    small = make(4, context=600)
    reply = small.ask(request(system=SYSTEM * 500))
    assert len(layers_of(reply.text)) == 4
    assert reply.usage.input <= 600 - small.max_output
    small.close()


@pytest.mark.slow
def test_a_file_that_is_not_a_model_is_refused(tmp_path) -> None:
    need_the_model()
    (tmp_path / "junk.gguf").write_bytes(b"junk" * 100)
    with pytest.raises(UsageError) as caught:
        make(4, model_path=tmp_path / "junk.gguf").ask(request())
    assert caught.value.code == "E0832"


@pytest.mark.slow
@pytest.mark.parametrize("end", ["made.close()", "pass", "raise KeyboardInterrupt"])
def test_no_thread_keeps_the_interpreter_alive(end) -> None:
    need_the_model()
    code = (
        "from aira_dsl.agents.models.base import Message, Request\n"
        "from aira_dsl.agents.models.local import LocalProposer\n"
        "from aira_dsl.study.architecture_agent import answer_grammar as form\n"
        "made = LocalProposer(form.answer_grammar('AM', 2), form.longest_answer('AM', 2))\n"
        "print(made.ask(Request('', (Message('user', 'go'),))).text)\n" + end
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, timeout=900, check=False
    )
    assert len(layers_of(done.stdout)) == 2
    assert done.returncode == (0 if "raise" not in end else -2)
    assert done.stderr == "" or "raise" in end
