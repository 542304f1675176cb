"""The worker function of evaluations: evaluates one candidate in a process of a pool."""

import platform
from functools import lru_cache
from typing import Any

import aira_dsl.evaluation.compute  # noqa: F401 (imported before the memory limit and the clock)
from aira_dsl.architecture import Architecture
from aira_dsl.errors import RunError
from aira_dsl.evaluation.evaluator import Evaluator, computed_by
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.jobs.pool import LastValue, ShouldContinue
from aira_dsl.utils.machine import Device


def evaluate(payload: dict[str, Any], should_continue: ShouldContinue) -> Any:
    """Return an `Evaluation` in JSON form.

    Args:
        payload: `settings` (JSON text of the evaluator's), `architecture`, `seed`, `split`, and
            `computed_by` of the machine where the result is kept.
        should_continue: called with the scores of the tasks so far.

    Raises:
        AiraError: if the data or the settings are wrong, so that no candidate can succeed.
        RunError: E1905, if this machine computes by other means.
    """
    evaluator = _evaluator(payload["settings"])
    _check_means(evaluator.settings.device, payload["computed_by"])
    evaluation = evaluator.evaluate(
        Architecture.model_validate(payload["architecture"]),
        payload["seed"],
        payload["split"],
        should_continue=lambda tasks: should_continue([task.model_dump() for task in tasks]),
    )
    result = evaluation.model_dump()
    if evaluation.status == "out of memory":
        raise LastValue(result)
    return result


def _check_means(device: Device, wanted: str) -> None:
    """Refuse to compute what would be kept as the result of another kind of machine.

    Raises:
        RunError: E1905.
    """
    if (here := computed_by(device)) != wanted:
        raise RunError(
            "E1905",
            f"the node {platform.node()} computes with {here}, this machine with {wanted}",
            help="use nodes with the same GPUs; on a CPU install a C++ compiler on all, or on none",
        )


@lru_cache(maxsize=1)
def _evaluator(settings: str) -> Evaluator:
    return Evaluator(EvaluatorSettings.model_validate_json(settings))
