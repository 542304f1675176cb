"""An agent as the source of a search: trials become the policy's tree, answers become trials.

An agent's trial enters the study before its architecture is known: with its operation and its
parents, as the policy named them. Then the proposer is asked, as often as the answer can not be
used and repairs are left; every answer is written down before the next call, so that a killed
search pays at most for the call in flight once more. In the end the trial has an arrangement and
is evaluated, or it has none and fails: `invalid`, or `duplicate` if all it would propose had been
tried. Either way it counts as one evaluation of the budget.
"""

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.caller import Answer
from aira_dsl.agents.models import Proposer, Request, Usage
from aira_dsl.agents.policies import POLICIES
from aira_dsl.agents.prices import Caps, Prices, most_tokens
from aira_dsl.agents.tree import Node, NodeState, Operation, Tree
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.language import to_text
from aira_dsl.study.architecture_agent.answers import (
    MAX_ANSWER,
    Proposal,
    Rejection,
    clean,
    parse_answer,
)
from aira_dsl.study.architecture_agent.prompt_writer import Assignment, PromptWriter, prompt_hash
from aira_dsl.study.settings import AgentSettings, SearchSettings
from aira_dsl.study.source import USED_UP, NewTrial, describe

_STOPS = {
    "refusal": "the model refused to answer",
    "length": "the answer was cut off: it had more tokens than allowed; be brief",
}


@dataclass(frozen=True)
class Verdict:
    """What an answer means for its trial.

    Attributes:
        user_attrs: what to write down.
        architecture: what to evaluate; None if the answer can not be used.
    """

    user_attrs: dict[str, Any]
    architecture: Architecture | None = None


@dataclass(frozen=True)
class AgentBudget:
    """What an agent has to spend.

    Attributes:
        budget: evaluations, None for a search that time bounds.
        caps: what its calls may cost in all.
        prices: of calls.
    """

    budget: int | None
    caps: Caps
    prices: Prices


class AgentSource:
    """An agent.

    Args:
        settings: which search it is.
        proposer: what answers.
        prompter: what writes the questions.
        means: what it has to spend.

    Attributes:
        ended: why there will be no further trial; empty while there may be.
        proposer, means: as given.
        archive: told every answer, with its trial's number.
        on_end: told a trial that is about to be finished.
    """

    def __init__(
        self,
        settings: SearchSettings,
        proposer: Proposer,
        prompter: PromptWriter,
        means: AgentBudget,
    ) -> None:
        assert settings.agent is not None
        self.ended = ""
        self.archive: Callable[[int, Request, Attempt], None] = lambda number, request, call: None
        self.on_end: Callable[[FrozenTrial], None] = lambda trial: None
        self.proposer = proposer
        self._settings = settings
        self._agent: AgentSettings = settings.agent
        self._rules = prompter.rules
        self._policy = POLICIES[self._agent.policy]
        self._prompter = prompter
        self.means = means
        self._in_flight: dict[int, Usage] = {}

    def propose(self, trials: Sequence[FrozenTrial]) -> NewTrial | None:
        """Return the policy's next operation as a trial without an arrangement."""
        if self.ended:
            return None
        tree = self.tree(trials)
        known = {trial.user_attrs.get("fingerprint") for trial in trials} - {None}
        if not self._agent.free and len(known) >= self._rules.space.count:
            self.ended = USED_UP
            return None
        # Seeded by place, not by a running generator, so that a resumed search goes on the same.
        rng = random.Random(f"{self._settings.seed}:{len(trials)}")
        operation = self._policy.next(tree, rng)
        if operation is None:
            if not any(node.state == "running" for node in tree.nodes):
                self.ended = "the policy has nothing more to do"
            return None
        request = self._request(tree, len(trials), operation, ())
        if cap := self._too_dear(trials, request):
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
    ) -> Request | Evaluation | Verdict:
        """Return what comes next for a trial without an architecture.

        A request to make; the trial's end, if nothing may be asked any more; or the verdict on an
        answer that was written down by a search that was then killed.
        """
        calls = calls_of(trial)
        if calls and not calls[-1].complaint:
            return self._verdict(self._read(calls[-1].answer, trials), calls)
        if len(calls) > self._agent.repairs:
            return self._given_up(calls[-1].code, calls[-1].complaint)
        request = self._request(self.tree(trials), trial.number, operation_of(trial), calls)
        if cap := self._too_dear(trials, request):
            self.ended = f"the next call could exceed {cap}"
            return self._given_up("invalid", f"not asked: the call could exceed {cap}")
        self._in_flight[trial.number] = most_tokens(request, self.proposer.max_output)
        return request

    def read(self, answer: Answer, trial: FrozenTrial, trials: Sequence[FrozenTrial]) -> Verdict:
        """Read an answer; call while nobody else can add trials."""
        self._in_flight.pop(answer.number, None)
        reply = answer.reply
        if reply.stop in _STOPS:
            found: Proposal | Rejection = Rejection(reply.stop, _STOPS[reply.stop])
        else:
            found = self._read(reply.text, trials)
        call = self._call(answer, found)
        self.archive(answer.number, answer.request, call)
        return self._verdict(found, (*calls_of(trial), call))

    def _verdict(self, found: Proposal | Rejection, calls: tuple[Attempt, ...]) -> Verdict:
        attributes: dict[str, Any] = {
            "calls": [each.model_dump(mode="json") for each in calls],
            "tokens": sum(each.usage.total for each in calls),
            "hypothesis": found.hypothesis,
        }
        if isinstance(found, Rejection):
            return Verdict(attributes)
        if self._agent.free:
            attributes["text"] = to_text(found.architecture)
        return Verdict(attributes | describe(found.architecture), found.architecture)

    def tree(self, trials: Sequence[FrozenTrial]) -> Tree:
        """Return the trials as nodes."""
        direction = self._settings.evaluator.direction
        return Tree(nodes_of(trials, direction))

    def first_call(self) -> tuple[Request, Usage, float | None]:
        """Return the first request of a search, with what it takes at most, in tokens and USD."""
        operation = self._policy.next(Tree([]), random.Random(f"{self._settings.seed}:0"))
        assert operation is not None
        request = self._request(Tree([]), 0, operation, ())
        usage = most_tokens(request, self.proposer.max_output)
        return request, usage, self._usd(usage)

    def _request(
        self, tree: Tree, number: int, operation: Operation, calls: tuple[Attempt, ...]
    ) -> Request:
        left = "until the time is up"
        if (budget := self.means.budget) is not None:
            left = f"{budget - number} of {budget} evaluations, this one included"
        return self._prompter.request(tree, Assignment(number, operation, calls, left))

    def _read(self, text: str, trials: Sequence[FrozenTrial]) -> Proposal | Rejection:
        nodes = self.tree(trials).nodes
        known = {
            trial.user_attrs["fingerprint"]: nodes[trial.number]
            for trial in reversed(trials)
            if "fingerprint" in trial.user_attrs
        }
        return parse_answer(text, self._rules, known)

    def _call(self, answer: Answer, found: Proposal | Rejection) -> Attempt:
        return Attempt(
            model=answer.reply.model,
            prompt=prompt_hash(answer.request),
            answer=clean(answer.reply.text, MAX_ANSWER),
            complaint=found.text if isinstance(found, Rejection) else "",
            code=found.code if isinstance(found, Rejection) else "",
            usage=answer.reply.usage,
            usd=self._usd(answer.reply.usage),
            seconds=round(answer.seconds, 3),
        )

    def _usd(self, usage: Usage) -> float | None:
        if self.proposer.name != "anthropic":
            return 0.0  # nobody sends a bill
        return self.means.prices.usd(self.proposer.model, usage)

    def _too_dear(self, trials: Sequence[FrozenTrial], request: Request) -> str:
        """Say which cap a further call could exceed, those in flight counted at their most."""
        if self.means.caps == Caps():
            return ""
        calls = [call for trial in trials for call in calls_of(trial)]
        bounds = [*self._in_flight.values(), most_tokens(request, self.proposer.max_output)]
        costs = [call.usd for call in calls] + [self._usd(bound) for bound in bounds]
        known = [each for each in costs if each is not None]
        tokens = sum(call.usage.total for call in calls) + sum(each.total for each in bounds)
        return self.means.caps.exceeded(sum(known) if len(known) == len(costs) else None, tokens)

    def _given_up(self, code: str, message: str) -> Evaluation:
        return Evaluation(
            fingerprint="",
            seed=self._settings.seed,
            split="validation",
            status="duplicate" if code == "duplicate" else "invalid",
            score=None,
            message=message,
        )


def is_asked_for(trial: FrozenTrial) -> bool:
    """Tell whether a trial is an agent's that has no architecture yet."""
    return "operation" in trial.user_attrs and "fingerprint" not in trial.user_attrs


def operation_of(trial: FrozenTrial) -> Operation:
    """Return the operation that a trial was added for."""
    attributes = trial.user_attrs
    return Operation(attributes["operation"], tuple(attributes["parents"]), attributes["memory"])


def calls_of(trial: FrozenTrial) -> tuple[Attempt, ...]:
    """Return the calls that were made for a trial."""
    return tuple(map(Attempt.model_validate, trial.user_attrs.get("calls", ())))


def nodes_of(trials: Sequence[FrozenTrial], direction: Direction) -> list[Node]:
    """Return an agent's trials as nodes.

    One that was stopped as hopeless counts as valid, with the worst score before it: a bad idea is
    no fault to be mended.
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
        pattern=attributes.get("layers", ""),
        text=attributes.get("text", ""),
        hypothesis=attributes.get("hypothesis", ""),
        status=attributes.get("status", ""),
        message=attributes.get("message", ""),
        details=", ".join(f"{task['task']} {task['token_accuracy']:.3f}" for task in tasks),
    )


def _state(trial: FrozenTrial, fitness: float | None) -> NodeState:
    if not trial.state.is_finished():
        return "running"
    return "buggy" if fitness is None else "valid"
