"""An agent without a search: caps, repairs and the meaning of its answers."""

from dataclasses import dataclass, field, replace
from datetime import date

import pytest

from aira_dsl.agents.agent import Agent, AgentBudget, Assignment
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.models import Billing, Message, Reply, Request, Usage
from aira_dsl.agents.models.scripted import ScriptedProposer
from aira_dsl.agents.policies import POLICIES
from aira_dsl.agents.prices import Caps, Price, PriceTable
from aira_dsl.agents.tree import Node, Operation, Tree

PRICES = PriceTable(
    date=date(2026, 1, 1), cache_write=1.0, cache_read=0.1,
    models={"blind-mutation": Price(input=1.0, output=1.0)},
)  # fmt: skip
NODE = Node(0, "draft", state="valid", score=0.5, fitness=0.5)


@dataclass(frozen=True)
class Numbers:
    """A domain that knows no architecture: the candidates are even numbers."""

    asked: list[Assignment] = field(default_factory=list)

    def request(self, tree, assignment):
        self.asked.append(assignment)
        text = f"{assignment.operation.kind}, {assignment.budget}"
        return Request("numbers", (Message("user", text),), number=assignment.number)

    def stored(self, text):
        return text[:8]

    def parse_answer(self, text, known, parents):
        if not text.isdigit() or int(text) % 2:
            return Rejection("invalid", f"{text!r} is not an even number")
        if text in known:
            return Rejection("duplicate", f"trial {known[text].number} has tried it")
        return Proposal(int(text), "")


def agent(caps: Caps = Caps(), evaluations: int | None = 9) -> Agent[int]:  # noqa: B008
    proposer = ScriptedProposer(lambda request, rng: str(2 * rng.randrange(50)))
    budget = AgentBudget(evaluations, 2, caps, PRICES)
    return Agent(POLICIES["greedy"], proposer, Numbers(), budget, seed=1)


REQUEST = agent().request(Tree([]), 3, Operation("draft"))


def test_a_request_names_the_budget_that_is_left():
    assert "6 of 9 evaluations" in REQUEST.messages[0].text
    without = agent(evaluations=None).request(Tree([]), 3, Operation("draft"))
    assert "until the time is up" in without.messages[0].text


def test_an_accepted_answer_is_recorded_without_a_reason():
    attempt, found = agent().read(REQUEST, Reply("4", Usage(input=3), "m", seconds=1.5), {})
    assert found == Proposal(4, "")
    assert (attempt.answer, attempt.code, attempt.complaint) == ("4", "", "")
    assert (attempt.usage.total, attempt.estimated, attempt.seconds) == (3, False, 1.5)


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Reply("5", Usage(), "m"), "invalid"),
        (Reply("8", Usage(), "m"), "duplicate"),
        (Reply("4", Usage(), "m", stop="refusal"), "refusal"),
        (Reply("4", Usage(), "m", stop="length"), "length"),
    ],
)
def test_a_rejected_answer_is_recorded_with_its_reason(reply, code):
    attempt, found = agent().read(REQUEST, reply, {"8": NODE})
    assert isinstance(found, Rejection)
    assert (attempt.code, attempt.complaint) == (code, found.text)


def test_a_stored_answer_may_have_become_a_duplicate():
    """Another worker evaluated the same candidate before this trial was continued."""
    stored, _ = agent().read(REQUEST, Reply("8", Usage(), "m"), {})
    again, found = agent().read_again(stored, {"8": NODE})
    assert isinstance(found, Rejection)
    assert again == stored.model_copy(update={"code": "duplicate", "complaint": found.text})
    assert agent().read_again(stored, {}) == (stored, Proposal(8, ""))


def test_usage_that_was_not_reported_counts_as_its_upper_bound():
    worker = agent()
    attempt, _ = worker.read(REQUEST, Reply("4", None, "m"), {})
    assert attempt.estimated
    assert attempt.usage == worker.bound(REQUEST)


def test_the_proposer_says_whether_its_calls_cost():
    worker, usage = agent(), Usage(input=1_000_000)
    assert worker.usd(usage) == 0.0
    worker.proposer.billing = Billing("them", "blind-mutation")
    assert worker.usd(usage) == 1.0
    worker.proposer.billing = Billing("them", "unheard-of")
    assert worker.usd(usage) is None
    assert worker.most_usd(usage) is None


def test_the_upper_bound_of_a_cost_holds_whether_the_request_is_cached_or_not():
    worker = agent()
    worker.proposer.billing = Billing("them", "blind-mutation")
    bound = worker.bound(REQUEST)
    for factor, expected in ((0.5, bound.total), (1.5, bound.cache_write * 1.5 + bound.output)):
        prices = PRICES.model_copy(update={"cache_write": factor})
        worker.budget = replace(worker.budget, prices=prices)
        assert worker.most_usd(bound) == pytest.approx(expected / 1e6)


def test_repairs_are_limited():
    attempt, _ = agent().read(REQUEST, Reply("5", Usage(), "m"), {})
    assert [agent().repairs_left([attempt] * count) for count in range(4)] == [True] * 3 + [False]


def test_calls_in_flight_count_at_their_upper_bound():
    bound = agent().bound(REQUEST).total
    capped = agent(Caps(tokens=2 * bound))
    assert not capped.exceeded_cap(REQUEST, [])
    capped.start(REQUEST)
    assert not capped.exceeded_cap(replace(REQUEST, number=4), [])
    capped.start(replace(REQUEST, number=4))
    assert capped.exceeded_cap(replace(REQUEST, number=5), []) == f"--max-tokens {2 * bound:,}"
    attempt, _ = capped.read(REQUEST, Reply("4", Usage(input=1), "m"), {})
    assert capped.exceeded_cap(replace(REQUEST, number=5), [attempt]), "one token is too many"
    assert not capped.exceeded_cap(replace(REQUEST, number=5), [])
