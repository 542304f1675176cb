"""An agent: a policy chooses the next operation, a proposer carries it out.

An answer that cannot be used is returned to the proposer with the reason, as long as repairs are
left. Nothing here depends on what is searched for: a `Domain` writes the requests and parses the
answers.
"""

import hashlib
import random
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Generic, Protocol, TypeVar

from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Proposer, Reply, Request, Usage
from aira_dsl.agents.policies import Policy
from aira_dsl.agents.prices import Caps, Prices, most_tokens
from aira_dsl.agents.tree import Node, Operation, Tree

T = TypeVar("T")

_STOPS = {
    "refusal": "the model refused to answer",
    "length": "the answer was cut off because it had too many tokens; be brief",
}


@dataclass(frozen=True)
class Assignment:
    """A trial that needs a proposal.

    Attributes:
        number: number of the trial.
        operation: the operation to carry out.
        attempts: the rejected answers so far.
        budget: the remaining budget of the search, in words.
    """

    number: int
    operation: Operation
    attempts: tuple[Attempt, ...]
    budget: str


class Domain(Protocol[T]):
    """What an agent works on."""

    def request(self, tree: Tree, assignment: Assignment) -> Request:
        """Return the request for a proposal."""

    def stored(self, text: str) -> str:
        """Return an answer as it is stored: safe to print, bounded, and with the same meaning."""

    def parse_answer(
        self, text: str, known: Mapping[str, Node], parents: Sequence[Node]
    ) -> Proposal[T] | Rejection:
        """Return the proposal in an answer, or why there is none.

        Args:
            text: what the model wrote, or what is stored of it.
            known: the trials so far, by the identity of their candidates.
            parents: the trials that the operation starts from.
        """


@dataclass(frozen=True)
class AgentBudget:
    """Budget and cost limits.

    Attributes:
        evaluations: number of evaluations; None for a search that ends by time.
        repairs: how many rejected answers of a trial are returned to the proposer.
        caps: upper bounds of the cost of all calls.
        prices: prices of calls.
    """

    evaluations: int | None
    repairs: int
    caps: Caps
    prices: Prices


class Agent(Generic[T]):
    """A policy with a proposer.

    Args:
        policy: chooses operations.
        proposer: answers requests.
        domain: writes requests and parses answers.
        budget: budget and cost limits.
        seed: seed of the policy.

    Attributes:
        proposer, domain, budget, seed: as given.
    """

    def __init__(
        self,
        policy: Policy,
        proposer: Proposer,
        domain: Domain[T],
        budget: AgentBudget,
        seed: int,
    ) -> None:
        self.proposer = proposer
        self.domain = domain
        self.budget = budget
        self._policy = policy
        self.seed = seed
        self._in_flight: dict[int, Usage] = {}

    def operation(self, tree: Tree) -> Operation | None:
        """Return the next operation; None if the policy has none now."""
        # Seeded by the number of trials: a resumed search continues with the same operations.
        return self._policy.next(tree, random.Random(f"{self.seed}:{len(tree.nodes)}"))

    def request(
        self, tree: Tree, number: int, operation: Operation, attempts: tuple[Attempt, ...] = ()
    ) -> Request:
        """Return the next request for a trial."""
        left, evaluations = "until the time is up", self.budget.evaluations
        if evaluations is not None:
            left = f"{evaluations - number} of {evaluations} evaluations, this one included"
        return self.domain.request(tree, Assignment(number, operation, attempts, left))

    def repairs_left(self, attempts: Sequence[Attempt]) -> bool:
        """Tell whether a rejected answer may be returned to the proposer."""
        return len(attempts) <= self.budget.repairs

    def exceeded_cap(self, request: Request, spent: Iterable[Attempt]) -> str:
        """Return the cap that a call could exceed, with the calls in flight at their upper bounds.

        Args:
            request: the call.
            spent: all calls so far.
        """
        if self.budget.caps == Caps():
            return ""
        bounds = [*self._in_flight.values(), self.bound(request)]
        attempts = list(spent)
        costs = [each.usd for each in attempts] + [self.most_usd(bound) for bound in bounds]
        known = [cost for cost in costs if cost is not None]
        tokens = sum(each.usage.total for each in attempts) + sum(each.total for each in bounds)
        return self.budget.caps.exceeded(sum(known) if len(known) == len(costs) else None, tokens)

    def start(self, request: Request) -> None:
        """Count a call as in flight until its answer is read."""
        self._in_flight[request.number] = self.bound(request)

    def read(
        self,
        request: Request,
        reply: Reply,
        known: Mapping[str, Node],
        parents: Sequence[Node] = (),
    ) -> tuple[Attempt, Proposal[T] | Rejection]:
        """Return the record of a call, and what its answer means."""
        self._in_flight.pop(request.number, None)
        found: Proposal[T] | Rejection
        if reply.stop in _STOPS:
            found = Rejection(reply.stop, _STOPS[reply.stop])
        else:
            found = self.domain.parse_answer(reply.text, known, parents)
        usage = reply.usage or self.bound(request)
        attempt = Attempt(
            model=reply.model,
            prompt=prompt_hash(request),
            answer=self.domain.stored(reply.text),
            usage=usage,
            estimated=reply.usage is None,
            usd=self.usd(usage),
            seconds=round(reply.seconds, 3),
        )
        return _with_result(attempt, found), found

    def read_again(
        self, attempt: Attempt, known: Mapping[str, Node], parents: Sequence[Node] = ()
    ) -> tuple[Attempt, Proposal[T] | Rejection]:
        """Return a stored call, and what its answer means now.

        An answer that was accepted may be a duplicate by now: another worker evaluated the same
        candidate while the trial was not evaluated.
        """
        found = self.domain.parse_answer(attempt.answer, known, parents)
        return _with_result(attempt, found), found

    def bound(self, request: Request) -> Usage:
        """Return an upper bound of the tokens of a call."""
        return most_tokens(request, self.proposer.max_output)

    def usd(self, usage: Usage) -> float | None:
        """Return the cost of a call in US dollars; None if the price is unknown."""
        if self.proposer.billing is None:
            return 0.0
        return self.budget.prices.usd(self.proposer.billing, usage)

    def most_usd(self, bound: Usage) -> float | None:
        """Return an upper bound of the cost of a call with at most so many tokens.

        A few providers charge less for a token that is written to the cache than for another.
        """
        uncached = Usage(input=bound.input + bound.cache_write, output=bound.output)
        costs = [cost for usage in (bound, uncached) if (cost := self.usd(usage)) is not None]
        return max(costs, default=None)


def _with_result(attempt: Attempt, found: Proposal[T] | Rejection) -> Attempt:
    if isinstance(found, Proposal):
        return attempt
    return attempt.model_copy(update={"complaint": found.text, "code": found.code})


def prompt_hash(request: Request) -> str:
    """Return sixteen hexadecimal digits; equal for requests of the same text."""
    texts = [request.system, request.context]
    texts += [f"{message.role}\n{message.text}" for message in request.messages]
    return hashlib.sha256("\0".join(texts).encode()).hexdigest()[:16]
