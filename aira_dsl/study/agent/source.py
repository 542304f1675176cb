"""What an agent decides: trials become the policy's tree, answers become candidates.

A trial of an agent is added to the study before its candidate is known, with the operation and the
parents that the policy chose. Then the proposer is asked until an answer can be used or no repair
is left. Every answer is stored before the next call, so that a killed search repeats at most the
calls in flight. If the last answer is a candidate that had been tried, the trial gets the nearest
new candidate. In the end the trial has a candidate and is evaluated, or it fails: `invalid`, or
`duplicate` if there is no nearest new candidate. Either way it counts as one evaluation of the
budget.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from optuna.trial import FrozenTrial

from aira_dsl.agents.agent import Agent
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Proposer, Reply, Request
from aira_dsl.agents.tree import Node, Tree
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation, Status
from aira_dsl.study.agent.nodes import attempts_of, nodes_of, operation_of
from aira_dsl.study.candidate import Candidates, NewTrial

T = TypeVar("T")


@dataclass(frozen=True)
class Outcome(Generic[T]):
    """What an answer means for its trial.

    Attributes:
        user_attrs: what to store.
        new: what else to store, if the trial has its candidate; None if the answer was rejected.
    """

    user_attrs: dict[str, Any]
    new: NewTrial[T] | None = None


class AgentSource(Generic[T]):
    """Proposes the trials of an agent.

    Args:
        agent: the agent.
        candidates: what it proposes.
        direction: which way scores get better.

    Attributes:
        ended: why there will be no further trial; empty while there may be.
        agent, candidates: as given.
        on_attempt: called with the request and the record of every answer.
        on_end: called with a trial that is about to be finished.
    """

    def __init__(self, agent: Agent[T], candidates: Candidates[T], *, direction: Direction) -> None:
        self.ended = ""
        self.on_attempt: Callable[[Request, Attempt], None] = lambda request, attempt: None
        self.on_end: Callable[[FrozenTrial], None] = lambda trial: None
        self.agent = agent
        self.candidates = candidates
        self._direction = direction

    @property
    def proposer(self) -> Proposer:
        """The proposer of the agent."""
        return self.agent.proposer

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[T] | None:
        """Return the policy's next operation as a trial without a candidate."""
        if self.ended:
            return None
        tree = self.tree(trials)
        if used_up := self.candidates.used_up(trials):
            self.ended = used_up
            return None
        operation = self.agent.operation(tree)
        if operation is None:
            if not any(node.state == "running" for node in tree.nodes):
                self.ended = "the policy has nothing more to do"
            return None
        request = self.agent.request(tree, len(trials), operation)
        if cap := self.agent.exceeded_cap(request, _all_attempts(trials)):
            self.ended = f"the next call could exceed {cap}"
            return None
        attributes = {
            "operation": operation.kind,
            "parents": list(operation.parents),
            "memory": operation.memory,
        }
        return NewTrial(None, user_attrs=attributes)

    def question(
        self, trial: FrozenTrial, trials: Sequence[FrozenTrial]
    ) -> Request | Evaluation | Outcome[T]:
        """Return what comes next for a trial without a candidate.

        A request to make; the end of the trial, if no call is left; or something to store, which
        is the nearest new candidate for a last answer that had been tried, or the outcome of an
        answer that was stored by a search that was then killed.

        Call while no other worker can add trials.
        """
        attempts, tree = attempts_of(trial), self.tree(trials)
        operation = operation_of(trial)
        if attempts and not attempts[-1].complaint:
            known, parents = _known(tree, trials), tree.parents(operation)
            last, found = self.agent.read_again(attempts[-1], known, parents)
            return self._outcome(found, (*attempts[:-1], last))
        if not self.agent.repairs_left(attempts):
            return self._nearest_new(trial, trials) or self._failed(attempts[-1])
        request = self.agent.request(tree, trial.number, operation, attempts)
        if cap := self.agent.exceeded_cap(request, _all_attempts(trials)):
            self.ended = f"the next call could exceed {cap}"
            return self._evaluation("invalid", f"not asked: the call could exceed {cap}")
        self.agent.start(request)
        return request

    def read(
        self, request: Request, reply: Reply, trial: FrozenTrial, trials: Sequence[FrozenTrial]
    ) -> Outcome[T]:
        """Read an answer; call while no other worker can add trials."""
        tree = self.tree(trials)
        known, parents = _known(tree, trials), tree.parents(operation_of(trial))
        attempt, found = self.agent.read(request, reply, known, parents)
        self.on_attempt(request, attempt)
        return self._outcome(found, (*attempts_of(trial), attempt))

    def tree(self, trials: Sequence[FrozenTrial]) -> Tree:
        """Return the trials as a tree."""
        return Tree(nodes_of(trials, self.candidates, self._direction))

    def _nearest_new(self, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> Outcome[T] | None:
        """Return the nearest new candidate, if the last answer had been tried and there is one."""
        last, tree = attempts_of(trial)[-1], self.tree(trials)
        if last.code != "duplicate":
            return None
        parents = tree.parents(operation_of(trial))
        found = self.agent.domain.parse_answer(last.answer, {}, parents)
        if isinstance(found, Rejection):  # the files that a candidate starts with
            return None
        # Seeded by the trial: a resumed search moves to the same candidate.
        rng = random.Random(f"{self.agent.seed}:{trial.number}:nearest new")
        known = set(_known(tree, trials))
        nearest = self.candidates.nearest_new(found.candidate, known, rng)
        return None if nearest is None else Outcome({}, self.candidates.new_trial(nearest))

    def _outcome(self, found: Proposal[T] | Rejection, attempts: tuple[Attempt, ...]) -> Outcome[T]:
        attributes: dict[str, Any] = {
            "calls": [each.model_dump(mode="json") for each in attempts],
            "tokens": sum(each.usage.total for each in attempts),
            "duplicates": sum(each.code == "duplicate" for each in attempts),
            "hypothesis": found.hypothesis,
        }
        if isinstance(found, Rejection):
            return Outcome(attributes)
        return Outcome(attributes, self.candidates.new_trial(found.candidate))

    def _failed(self, last: Attempt) -> Evaluation:
        """Return the end of a trial whose last answer was rejected."""
        status: Status = "duplicate" if last.code == "duplicate" else "invalid"
        return self._evaluation(status, last.complaint)

    def _evaluation(self, status: Status, message: str) -> Evaluation:
        return Evaluation(
            fingerprint="",
            seed=self.agent.seed,
            split="validation",
            status=status,
            score=None,
            message=message,
        )


def _known(tree: Tree, trials: Sequence[FrozenTrial]) -> dict[str, Node]:
    """Return the trials by the identities of their candidates, the earliest of each."""
    return {
        trial.user_attrs["fingerprint"]: tree.nodes[trial.number]
        for trial in reversed(trials)
        if "fingerprint" in trial.user_attrs
    }


def _all_attempts(trials: Sequence[FrozenTrial]) -> list[Attempt]:
    return [attempt for trial in trials for attempt in attempts_of(trial)]
