"""Builds the agent of a search from the user's options."""

from dataclasses import dataclass
from typing import Self

from aira_dsl.agents.agent import Agent, AgentBudget
from aira_dsl.agents.models import Proposer, Request, Usage, make_proposer
from aira_dsl.agents.policies import POLICIES
from aira_dsl.agents.prices import Caps, load_prices
from aira_dsl.agents.prompt_templates import PromptTemplates
from aira_dsl.agents.tree import Tree
from aira_dsl.architecture import Architecture
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.noise import search_noise
from aira_dsl.evaluation.table import Table
from aira_dsl.space import Space
from aira_dsl.study.agent.source import AgentSource
from aira_dsl.study.architecture_agent.answer_format import answer_format
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.domain import ArrangementDomain
from aira_dsl.study.architecture_agent.prompt_writer import (
    EvaluatorFacts,
    PromptWriter,
    load_templates,
)
from aira_dsl.study.options import AgentOptions
from aira_dsl.study.settings import AgentSettings, SearchSettings


@dataclass(frozen=True)
class Preview:
    """The first request of an agent.

    Attributes:
        request: the call that would be made.
        most: upper bound of its tokens.
        usd: upper bound of its cost in US dollars; None if the price of the model is unknown.
        model: the model that would be asked.
        prices: source of the prices, in words.
    """

    request: Request
    most: Usage
    usd: float | None
    model: str
    prices: str


@dataclass(frozen=True)
class ArchitectureAgent:
    """An agent that proposes architectures, before its search is known.

    Attributes:
        settings: its part of the settings of a search.
        options: the user's options.
        proposer: answers requests.
        templates: its prompts.
    """

    settings: AgentSettings
    options: AgentOptions
    proposer: Proposer
    templates: PromptTemplates

    @classmethod
    def of(cls, space: Space, options: AgentOptions) -> Self:
        """Return the agent for a space.

        Raises:
            UsageError: E0812, E0818, E0820, E0831 to E0833, if prompts or proposer are not usable.
            InputError: E0813, for prompts that are not usable.
        """
        templates = load_templates(options.prompts)
        name = options.proposer or "anthropic"
        proposer = make_proposer(
            name,
            answer_format(space),
            model=options.model,
            effort=options.effort,
            base_url=options.base_url,
            max_output=options.max_output,
        )
        settings = AgentSettings(
            policy=options.policy or "greedy",
            proposer=name,
            model=proposer.model,
            effort=options.effort,
            repairs=options.repairs,
            free=options.free,
            prompts=templates.identity,
        )
        return cls(settings, options, proposer, templates)

    def source(
        self, space: Space, settings: SearchSettings, budget: int | None, table: Table | None = None
    ) -> AgentSource:
        """Return the agent as the source of a search; its proposer is open.

        Args:
            space, settings, budget: of the search.
            table: that its evaluator looks scores up in.

        Raises:
            UsageError: E0814 and others, if the proposer is not usable; E0819, if the caps do not
                allow a single call.
        """
        self.proposer.open()
        preview = self.preview(space, settings, budget, table)
        agent, domain = self._agent(space, settings, budget, table)
        if cap := agent.budget.caps.exceeded(preview.usd, preview.most.total):
            price = "has no known price"
            if preview.usd is not None:
                price = f"may cost up to ${preview.usd:.4f}"
            raise UsageError(
                "E0819",
                f"{cap} does not allow a single call: it {price} and may take "
                f"{preview.most.total:,} tokens",
                help="raise it, lower --max-output, or give the price of the model with --prices",
            )
        return AgentSource(settings, agent, domain)

    def preview(
        self, space: Space, settings: SearchSettings, budget: int | None, table: Table | None = None
    ) -> Preview:
        """Return the first request of a search."""
        agent, _ = self._agent(space, settings, budget, table)
        operation = agent.operation(Tree([]))
        assert operation is not None, "the first operation of every policy is a draft"
        request = agent.request(Tree([]), 0, operation)
        most, prices = agent.bound(request), agent.budget.prices
        return Preview(request, most, agent.most_usd(most), self.proposer.model, prices.source)

    def _agent(
        self, space: Space, settings: SearchSettings, budget: int | None, table: Table | None
    ) -> tuple[Agent[Architecture], ArrangementDomain]:
        evaluator = settings.evaluator
        noise = search_noise(evaluator, (), near=None, table=table)
        facts = EvaluatorFacts(evaluator.describe(), noise)
        rules = AnswerRules(space, self.options.free)
        prompts = PromptWriter(self.templates, rules, facts, self.proposer.memory, settings.seed)
        domain = ArrangementDomain(rules, prompts)
        caps = Caps(self.options.max_usd, self.options.max_tokens)
        agent = Agent(
            POLICIES[self.settings.policy],
            self.proposer,
            domain,
            AgentBudget(budget, self.settings.repairs, caps, load_prices(self.options.prices)),
            settings.seed,
        )
        return agent, domain
