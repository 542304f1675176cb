"""Trials of an Optuna study as records, and evaluations as what such a trial stores."""

from collections.abc import Mapping, Sequence
from typing import Any

from optuna.trial import FrozenTrial, TrialState

from aira_dsl.agents.attempt import Attempt
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.arrangements import layers_of
from aira_dsl.study.trials import Trial

_STATES = {"ok": TrialState.COMPLETE, "pruned": TrialState.PRUNED}

Repeats = Mapping[str, Mapping[str, float | None]]
"""Validation scores with other seeds: by fingerprint, then by seed."""


def trials_of(
    trials: Sequence[FrozenTrial], tests: Mapping[str, float | None], repeats: Repeats
) -> list[Trial]:
    """Turn Optuna's trials into records, none of them confirmed.

    Args:
        trials: of a study.
        tests: scores on the test split, by fingerprint.
        repeats: validation scores with other seeds, by fingerprint.
    """
    return [trial_of(trial, tests, repeats) for trial in trials]


def trial_of(
    trial: FrozenTrial,
    tests: Mapping[str, float | None] | None = None,
    repeats: Repeats | None = None,
) -> Trial:
    """Turn one of Optuna's trials into a record; as for `trials_of`."""
    attributes = trial.user_attrs
    fingerprint = attributes.get("fingerprint", "")  # an agent's trial may have no architecture
    layers = layers_of(trial)
    calls = tuple(map(Attempt.model_validate, attributes.get("calls", ())))
    evaluation: dict[str, Any] = attributes.get("evaluation", {})
    facts = evaluation.get("facts", {})
    return Trial(
        number=trial.number,
        state=trial.state.name,
        layers=layers,
        pattern=attributes.get("layers", ""),
        fingerprint=fingerprint,
        score=trial.value,
        test_score=(tests or {}).get(fingerprint),
        confirmed=None,
        repeats=dict((repeats or {}).get(fingerprint, {})),
        seconds=attributes.get("seconds"),
        cached=attributes.get("cached", False),
        parameters=attributes.get("parameters", facts.get("parameters") or 0),
        training_flops=attributes.get("training_flops", 0),
        status=attributes.get("status", ""),
        message=attributes.get("message", ""),
        tasks={task["task"]: task["token_accuracy"] for task in evaluation.get("tasks", ())},
        operation=attributes.get("operation", ""),
        parents=tuple(attributes.get("parents", ())),
        hypothesis=attributes.get("hypothesis", ""),
        duplicates=attributes.get("duplicates", sum(call.code == "duplicate" for call in calls)),
        calls=calls,
        facts=facts,
    )


def state_of(evaluation: Evaluation) -> TrialState:
    """Return the state of a trial that ends with an evaluation."""
    return _STATES.get(evaluation.status, TrialState.FAIL)


def attributes_of(evaluation: Evaluation, *, cached: bool) -> dict[str, Any]:
    """Return the user attributes of a trial that ends with an evaluation."""
    return {
        "status": evaluation.status,
        "seconds": evaluation.seconds,
        "cached": cached,
        "message": evaluation.message,
        **{score.task: score.token_accuracy for score in evaluation.tasks},
        "evaluation": evaluation.model_dump(mode="json"),
    }
