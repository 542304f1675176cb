"""Arrangements of a space keep the contract of domains, with fixed and with changed blocks."""

from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.domain import ArrangementDomain
from aira_dsl.study.architecture_agent.prompt_writer import (
    EvaluatorFacts,
    PromptWriter,
    load_templates,
)
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.testing.domains import DomainContract
from tests.study.planned import EVALUATOR, SPACE

TEMPLATES: PromptTemplates = load_templates()
FACTS = EvaluatorFacts(EVALUATOR.describe(), noise=None)


def domain(*, free: bool) -> ArrangementDomain:
    rules = AnswerRules(SPACE, free=free)
    return ArrangementDomain(rules, PromptWriter(TEMPLATES, rules, FACTS, memory=300, seed=0))


class TestArrangements(DomainContract):
    domain = domain(free=False)
    candidates = Arrangements(SPACE)
    answers = (
        '{"hypothesis": "h", "architecture": "5A"}',
        'Here:\n\n```json\n{"hypothesis": "two\\nlines", "architecture": "A-M-A-M-Mb"}\n```',
    )
    unusable = ("", "prose", '{"architecture": 7}', '{"architecture": "9A"}')
    has_neighbours = True


class TestChangedBlocks(TestArrangements):
    domain = domain(free=True)
    candidates = Arrangements(SPACE, free=True)
    answers = (
        *TestArrangements.answers,
        '{"hypothesis": "h", "architecture": "block M = mlp { hidden 8 }; layers A-M-A-M-Mb"}',
    )
    has_neighbours = False
