"""The methods that can be compared, and how a command names them.

    METHOD = SAMPLER | agent-POLICY[:PROPOSER[/MODEL]]

as in `tpe`, `agent-greedy`, `agent-greedy:scripted` and `agent-mcts:pydantic-ai/openai:gpt-5`.
"""

import re
from collections import Counter
from dataclasses import dataclass
from typing import Any, Self

from aira_dsl.agents.models import PROPOSERS, takes_option
from aira_dsl.agents.policies import POLICIES
from aira_dsl.errors import UsageError
from aira_dsl.experiments.comparison.options import ComparedAgentOptions
from aira_dsl.study.samplers.families import SAMPLERS

AGENT = "agent-"
SEARCHERS = (*SAMPLERS, *(AGENT + policy for policy in POLICIES))
"""Every sampler, and an agent by its policy."""


@dataclass(frozen=True)
class Method:
    """A method of a comparison.

    Attributes:
        searcher: one of `SEARCHERS`.
        proposer: proposer of the agent; empty for that of the options.
        model: its model; empty for its own.
    """

    searcher: str
    proposer: str = ""
    model: str = ""

    @classmethod
    def parse(cls, text: str) -> Self:
        """Return the method of a text.

        Raises:
            UsageError: E0825, if it does not name one.
        """
        searcher, colon, service = text.partition(":")
        proposer, _, model = service.partition("/")
        if searcher not in SEARCHERS:
            raise _refused(f"{searcher!r} is not a method", f"give some of {', '.join(SEARCHERS)}")
        if colon and not searcher.startswith(AGENT):
            raise _refused(
                f"{text!r} is not a method: a sampler asks no model", f"write {searcher}"
            )
        if colon and proposer not in PROPOSERS:
            raise _refused(
                f"{text!r} is not a method: {proposer!r} is not a proposer",
                f"write {searcher}:PROPOSER or {searcher}:PROPOSER/MODEL; proposers are "
                f"{', '.join(PROPOSERS)}",
            )
        return cls(searcher, proposer, model)

    @property
    def is_agent(self) -> bool:
        """Whether it is an agent."""
        return self.searcher.startswith(AGENT)

    @property
    def name(self) -> str:
        """Name in tables and plots: an agent with a model is named by it, not by its proposer."""
        service = self.model or self.proposer
        return f"{self.searcher}:{service}" if service else self.searcher

    @property
    def folder(self) -> str:
        """Its name as a part of a path."""
        return re.sub(r"[^\w.-]", "-", self.name)

    def search_options(self, agents: ComparedAgentOptions) -> dict[str, Any]:
        """Return what makes a search one of this method, as options of a search.

        Args:
            agents: options of all agents; proposer and model complete those that name none.
        """
        if not self.is_agent:
            return {"sampler": self.searcher}
        proposer = self.proposer or agents.proposer
        model = self.model if self.proposer else agents.model
        return {
            "method": "agent",
            "policy": self.searcher.removeprefix(AGENT),
            "proposer": proposer,
            "model": model or None,
            "effort": agents.effort if takes_option(proposer, "effort") else None,
            "free": agents.free,
            "prompts": agents.prompts,
            "prices": agents.prices,
        }


def parse_methods(text: str) -> tuple[Method, ...]:
    """Return the methods of a text such as `random,tpe,agent-greedy:scripted`.

    Raises:
        UsageError: E0825, for a text that does not name a method, two methods of one name, or none.
    """
    parts = [part.strip() for part in text.split(",") if part.strip()]
    methods = tuple(dict.fromkeys(map(Method.parse, parts)))
    if not methods:
        raise _refused("there is no method to compare", f"give some of {', '.join(SEARCHERS)}")
    name, count = Counter(method.folder for method in methods).most_common(1)[0]
    if count > 1:
        raise _refused(f"{count} methods have the name {name}", "compare them in two folders")
    return methods


def _refused(message: str, help_: str) -> UsageError:
    return UsageError("E0825", message, help=f"check --methods: {help_}")
