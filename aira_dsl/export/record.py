"""Architecture -> JSON for scripts: the value, its identity, its costs."""

from dataclasses import asdict
from typing import Any

from aira_dsl.architecture import (
    AS_WRITTEN,
    CONVENTIONS,
    ELEMENT_BYTES,
    Architecture,
    Costs,
    Setting,
    cost,
)


def as_json(architecture: Architecture, setting: Setting = AS_WRITTEN) -> dict[str, Any]:
    """Return the architecture and its costs for scripts; keys are stable."""
    return {
        "name": architecture.name,  # first
        **architecture.model_dump(mode="json"),
        "pattern": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        "costs": costs_json(architecture, setting),
    }


def costs_at(architecture: Architecture, setting: Setting) -> Costs:
    """Count the costs of an architecture at a setting."""
    return cost(
        architecture,
        element_bytes=ELEMENT_BYTES,
        context=setting.context,
        convention=setting.convention,
    )


def costs_json(architecture: Architecture, setting: Setting) -> dict[str, Any]:
    """Return the costs under stable keys."""
    costs = costs_at(architecture, setting)
    context = setting.context or architecture.context
    found = {
        **asdict(costs),
        "total_parameters": costs.total_parameters,
        "context": context,
        "batch": setting.batch,
        "cache_bytes": costs.cache_bytes(context, setting.batch),
        "cache_element_bytes": ELEMENT_BYTES,
        "convention": CONVENTIONS[setting.convention],
    }
    if setting.budget is not None:
        found["budget"] = setting.budget
        found["tokens"] = costs.tokens(setting.budget)
        found["steps"] = costs.steps(setting.budget)
    return found
