"""The trials of an agent as the nodes of its policy's tree."""

from collections.abc import Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.agents.attempt import Attempt
from aira_dsl.agents.tree import Node, NodeState, Operation
from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.candidate import Candidates


def needs_proposal(trial: FrozenTrial) -> bool:
    """Tell whether a trial belongs to an agent and has no candidate yet."""
    return "operation" in trial.user_attrs and "fingerprint" not in trial.user_attrs


def operation_of(trial: FrozenTrial) -> Operation:
    """Return the operation of a trial."""
    attributes = trial.user_attrs
    return Operation(attributes["operation"], tuple(attributes["parents"]), attributes["memory"])


def attempts_of(trial: FrozenTrial) -> tuple[Attempt, ...]:
    """Return the calls for a trial so far."""
    return tuple(map(Attempt.model_validate, trial.user_attrs.get("calls", ())))


def nodes_of(
    trials: Sequence[FrozenTrial], candidates: Candidates[Any], direction: Direction
) -> list[Node]:
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
        nodes.append(_node(trial, candidates, fitness))
    return nodes


def _node(trial: FrozenTrial, candidates: Candidates[Any], fitness: float | None) -> Node:
    attributes, operation = trial.user_attrs, operation_of(trial)
    return Node(
        number=trial.number,
        kind=operation.kind,
        parents=operation.parents,
        state=_state(trial, fitness),
        fitness=fitness,
        score=trial.value,
        candidate=candidates.text(trial),
        hypothesis=attributes.get("hypothesis", ""),
        status=attributes.get("status", ""),
        message=attributes.get("message", ""),
        details=candidates.details(trial),
    )


def _state(trial: FrozenTrial, fitness: float | None) -> NodeState:
    if not trial.state.is_finished():
        return "running"
    return "buggy" if fitness is None else "valid"
