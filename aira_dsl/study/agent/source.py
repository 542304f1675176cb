"""An agent as the source of a search: trials become the policy's tree, answers become trials.

A trial of an agent is added to the study before its architecture is known, with the operation and
the parents that the policy chose. Then the proposer is asked until an answer can be used or no
repair is left. Every answer is stored before the next call, so that a killed search repeats at most
the calls in flight. In the end the trial has an arrangement and is evaluated, or it fails:
`invalid`, or `duplicate` if the last answer was an arrangement that had been tried. Either way it
counts as one evaluation of the budget.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.agents.agent import Agent
from aira_dsl.agents.answer import Proposal, Rejection
from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.models import Proposer, Reply, Request
from aira_dsl.agents.tree import Node, NodeState, Operation, Tree
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.language import to_text
from aira_dsl.study.architecture_agent.domain import ArrangementDomain
from aira_dsl.study.arrangements import USED_UP, describe
from aira_dsl.study.candidate import NewTrial
from aira_dsl.study.settings import SearchSettings


@dataclass(frozen=True)
class Outcome:
    """What an answer means for its trial.

    Attributes:
        user_attrs: what to store.
        architecture: what to evaluate; None if the answer was rejected.
    """

    user_attrs: dict[str, Any]
    architecture: Architecture | None = None


class AgentSource:
    """Proposes the trials of an agent.

    Args:
        settings: settings of the search.
        agent: the agent.
        domain: what the agent works on.

    Attributes:
        ended: why there will be no further trial; empty while there may be.
        agent: as given.
        on_attempt: called with the request and the record of every answer.
        on_end: called with a trial that is about to be finished.
    """

    def __init__(
        self, settings: SearchSettings, agent: Agent[Architecture], domain: ArrangementDomain
    ) -> None:
        self.ended = ""
        self.on_attempt: Callable[[Request, Attempt], None] = lambda request, attempt: None
        self.on_end: Callable[[FrozenTrial], None] = lambda trial: None
        self.agent = agent
        self._domain = domain
        self._settings = settings

    @property
    def proposer(self) -> Proposer:
        """The proposer of the agent."""
        return self.agent.proposer

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial[Architecture] | None:
        """Return the policy's next operation as a trial without an arrangement."""
        if self.ended:
            return None
        tree = self.tree(trials)
        tried = {trial.user_attrs.get("fingerprint") for trial in trials} - {None}
        if not self._domain.rules.free and len(tried) >= self._domain.rules.space.count:
            self.ended = USED_UP
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
    ) -> Request | Evaluation | Outcome:
        """Return what comes next for a trial without an architecture.

        A request to make; the end of the trial, if no call is left; or the outcome of an answer
        that was stored by a search that was then killed.
        """
        attempts = attempts_of(trial)
        if attempts and not attempts[-1].complaint:
            last, found = self.agent.read_again(attempts[-1], self._known(trials))
            return self._outcome(found, (*attempts[:-1], last))
        if not self.agent.repairs_left(attempts):
            return self._failed(attempts[-1].code, attempts[-1].complaint)
        tree = self.tree(trials)
        request = self.agent.request(tree, trial.number, operation_of(trial), attempts)
        if cap := self.agent.exceeded_cap(request, _all_attempts(trials)):
            self.ended = f"the next call could exceed {cap}"
            return self._failed("invalid", f"not asked: the call could exceed {cap}")
        self.agent.start(request)
        return request

    def read(
        self, request: Request, reply: Reply, trial: FrozenTrial, trials: Sequence[FrozenTrial]
    ) -> Outcome:
        """Read an answer; call while no other worker can add trials."""
        attempt, found = self.agent.read(request, reply, self._known(trials))
        self.on_attempt(request, attempt)
        return self._outcome(found, (*attempts_of(trial), attempt))

    def tree(self, trials: Sequence[FrozenTrial]) -> Tree:
        """Return the trials as a tree."""
        return Tree(nodes_of(trials, self._settings.evaluator.direction))

    def _known(self, trials: Sequence[FrozenTrial]) -> dict[str, Node]:
        """Return the trials by the fingerprints of their architectures, the earliest of each."""
        nodes = self.tree(trials).nodes
        return {
            trial.user_attrs["fingerprint"]: nodes[trial.number]
            for trial in reversed(trials)
            if "fingerprint" in trial.user_attrs
        }

    def _outcome(
        self, found: Proposal[Architecture] | Rejection, attempts: tuple[Attempt, ...]
    ) -> Outcome:
        attributes: dict[str, Any] = {
            "calls": [each.model_dump(mode="json") for each in attempts],
            "tokens": sum(each.usage.total for each in attempts),
            "duplicates": sum(each.code == "duplicate" for each in attempts),
            "hypothesis": found.hypothesis,
        }
        if isinstance(found, Rejection):
            return Outcome(attributes)
        if self._domain.rules.free:
            attributes["text"] = to_text(found.candidate)
        return Outcome(attributes | describe(found.candidate), found.candidate)

    def _failed(self, code: str, message: str) -> Evaluation:
        return Evaluation(
            fingerprint="",
            seed=self._settings.seed,
            split="validation",
            status="duplicate" if code == "duplicate" else "invalid",
            score=None,
            message=message,
        )


def needs_proposal(trial: FrozenTrial) -> bool:
    """Tell whether a trial belongs to an agent and has no architecture yet."""
    return "operation" in trial.user_attrs and "fingerprint" not in trial.user_attrs


def operation_of(trial: FrozenTrial) -> Operation:
    """Return the operation of a trial."""
    attributes = trial.user_attrs
    return Operation(attributes["operation"], tuple(attributes["parents"]), attributes["memory"])


def attempts_of(trial: FrozenTrial) -> tuple[Attempt, ...]:
    """Return the calls for a trial so far."""
    return tuple(map(Attempt.model_validate, trial.user_attrs.get("calls", ())))


def _all_attempts(trials: Sequence[FrozenTrial]) -> list[Attempt]:
    return [attempt for trial in trials for attempt in attempts_of(trial)]


def nodes_of(trials: Sequence[FrozenTrial], direction: Direction) -> list[Node]:
    """Return the trials of an agent as nodes.

    A pruned trial counts as valid, with the worst score before it: a bad candidate is not a defect
    that can be repaired.
    """
    nodes: list[Node] = []
    worst: float | None = None
    for trial in trials:
        fitness = None if trial.value is None else direction.sign * trial.value
        if trial.state == TrialState.PRUNED:
            fitness = worst
        elif fitness is not None:
            worst = fitness if worst is None else min(worst, fitness)
        nodes.append(_node(trial, fitness))
    return nodes


def _node(trial: FrozenTrial, fitness: float | None) -> Node:
    attributes = trial.user_attrs
    operation = operation_of(trial)
    tasks = attributes.get("evaluation", {}).get("tasks", ())
    return Node(
        number=trial.number,
        kind=operation.kind,
        parents=operation.parents,
        state=_state(trial, fitness),
        fitness=fitness,
        score=trial.value,
        candidate=attributes.get("text") or attributes.get("layers", ""),
        hypothesis=attributes.get("hypothesis", ""),
        status=attributes.get("status", ""),
        message=attributes.get("message", ""),
        details=", ".join(f"{task['task']} {task['token_accuracy']:.3f}" for task in tasks),
    )


def _state(trial: FrozenTrial, fitness: float | None) -> NodeState:
    if not trial.state.is_finished():
        return "running"
    return "buggy" if fitness is None else "valid"
