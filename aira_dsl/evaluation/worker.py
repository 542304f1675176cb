"""The worker function of evaluations: evaluates one candidate in a process of a pool."""

from functools import lru_cache
from typing import Any

import aira_dsl.evaluation.compute  # noqa: F401 (imported before the memory limit and the clock)
from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.jobs.pool import LastValue, ShouldContinue


def evaluate(payload: dict[str, Any], should_continue: ShouldContinue) -> Any:
    """Return an `Evaluation` in JSON form.

    Args:
        payload: `settings` (JSON text of the evaluator's), `architecture`, `seed`, `split`.
        should_continue: called with the scores of the tasks so far.

    Raises:
        AiraError: if the data or the settings are wrong, so that no candidate can succeed.
    """
    evaluation = _evaluator(payload["settings"]).evaluate(
        Architecture.model_validate(payload["architecture"]),
        payload["seed"],
        payload["split"],
        should_continue=lambda tasks: should_continue([task.model_dump() for task in tasks]),
    )
    result = evaluation.model_dump()
    if evaluation.status == "out of memory":
        raise LastValue(result)
    return result


@lru_cache(maxsize=1)
def _evaluator(settings: str) -> Evaluator:
    return Evaluator(EvaluatorSettings.model_validate_json(settings))
