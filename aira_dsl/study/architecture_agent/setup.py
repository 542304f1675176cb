"""Builds the agent of a search from the user's options."""

from dataclasses import dataclass
from typing import Self

from aira_dsl.agents.agent import Agent
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.noise import search_noise
from aira_dsl.evaluation.table import Table
from aira_dsl.space import Space
from aira_dsl.study.agent.setup import AgentSetup
from aira_dsl.study.agent.source import AgentSource
from aira_dsl.study.architecture_agent.answer_format import answer_format
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.domain import ArrangementDomain
from aira_dsl.study.architecture_agent.prompt_writer import (
    EvaluatorFacts,
    PromptWriter,
    load_templates,
)
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.study.options import AgentOptions
from aira_dsl.study.settings import AgentSettings, SearchSettings


@dataclass(frozen=True)
class ArchitectureAgent:
    """An agent that proposes architectures, before its search is known.

    Attributes:
        space: the searched space.
        setup: what it is.
        templates: its prompts.
    """

    space: Space
    setup: AgentSetup
    templates: PromptTemplates

    @classmethod
    def of(cls, space: Space, options: AgentOptions) -> Self:
        """Return the agent for a space.

        Raises:
            UsageError: E0812, E0818, E0820, E0831 to E0833, if prompts or proposer are not usable.
            InputError: E0813, for prompts that are not usable.
        """
        templates = load_templates(options.prompts)
        setup = AgentSetup.of(options, answer_format(space), prompts=templates.identity)
        return cls(space, setup, templates)

    @property
    def settings(self) -> AgentSettings:
        """Its part of the settings of a search."""
        return self.setup.settings

    def agent(
        self, settings: SearchSettings, budget: int | None, table: Table | None = None
    ) -> Agent[Architecture]:
        """Return the agent at work on a search.

        Args:
            settings, budget: of the search.
            table: that its evaluator looks scores up in.
        """
        evaluator = settings.evaluator
        noise = search_noise(evaluator, (), near=None, table=table)
        facts = EvaluatorFacts(evaluator.describe(), noise)
        rules = AnswerRules(self.space, self.settings.free)
        memory = self.setup.proposer.memory
        prompts = PromptWriter(self.templates, rules, facts, memory, settings.seed)
        domain = ArrangementDomain(rules, prompts)
        return self.setup.agent(domain, budget=budget, seed=settings.seed)

    def source(
        self, settings: SearchSettings, budget: int | None, table: Table | None = None
    ) -> AgentSource[Architecture]:
        """Return what the agent decides in a search; as for `agent`."""
        arrangements = Arrangements(self.space, self.settings.free)
        agent = self.agent(settings, budget, table)
        return AgentSource(agent, arrangements, direction=settings.evaluator.direction)
