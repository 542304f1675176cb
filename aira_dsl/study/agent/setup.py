"""Builds an agent from the user's options, whatever it works on."""

from dataclasses import dataclass
from typing import Self, TypeVar

from aira_dsl.agents.agent import Agent, AgentBudget, Domain
from aira_dsl.agents.models import AnswerFormat, Proposer, Request, Usage, make_proposer
from aira_dsl.agents.policies import POLICIES
from aira_dsl.agents.prices import Caps, load_prices
from aira_dsl.agents.tree import Tree
from aira_dsl.errors import UsageError
from aira_dsl.study.options import AgentOptions
from aira_dsl.study.settings import AgentSettings

T = TypeVar("T")


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
class AgentSetup:
    """What an agent is, before its run is known.

    Attributes:
        settings: its part of the settings of a run.
        options: the user's options.
        proposer: answers requests.
    """

    settings: AgentSettings
    options: AgentOptions
    proposer: Proposer

    @classmethod
    def of(cls, options: AgentOptions, form: AnswerFormat, *, prompts: str) -> Self:
        """Return the agent that the options describe.

        Args:
            options: the user's options.
            form: form of the answers.
            prompts: hash of the prompt files.

        Raises:
            UsageError: E0818, E0820, E0831 to E0833, if the proposer is not usable.
        """
        name = options.proposer or "anthropic"
        proposer = make_proposer(
            name,
            form,
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
            prompts=prompts,
        )
        return cls(settings, options, proposer)

    def agent(self, domain: Domain[T], *, budget: int | None, seed: int) -> Agent[T]:
        """Return the agent at work on a domain.

        Args:
            domain: writes requests and parses answers.
            budget: number of evaluations; None without a bound.
            seed: seed of the policy.
        """
        caps = Caps(self.options.max_usd, self.options.max_tokens)
        prices = load_prices(self.options.prices)
        own = AgentBudget(budget, self.settings.repairs, caps, prices)
        return Agent(POLICIES[self.settings.policy], self.proposer, domain, own, seed)


def preview_of(agent: Agent[T]) -> Preview:
    """Return the first request of an agent and what it may cost."""
    operation = agent.operation(Tree([]))
    assert operation is not None, "the first operation of every policy is a draft"
    request = agent.request(Tree([]), 0, operation)
    most = agent.bound(request)
    return Preview(
        request, most, agent.most_usd(most), agent.proposer.model, agent.budget.prices.source
    )


def open_proposer(agent: Agent[T]) -> None:
    """Open the proposer of an agent and check that its caps allow the first call.

    Raises:
        UsageError: E0814 and others, if the proposer is not usable; E0819, if the caps do not
            allow a single call.
    """
    agent.proposer.open()
    preview = preview_of(agent)
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
