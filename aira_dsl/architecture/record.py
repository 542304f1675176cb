"""Architecture -> JSON for scripts: the value, its identity, its costs."""

from dataclasses import asdict
from typing import Any

from aira_dsl.architecture import (
    AS_WRITTEN,
    CONVENTIONS,
    ELEMENT_BYTES,
    SETTINGS,
    WEIGHT_BITS,
    Architecture,
    Costs,
    Workload,
    cost,
)


def as_json(architecture: Architecture, workload: Workload = AS_WRITTEN) -> dict[str, Any]:
    """Return the architecture and its costs for scripts; keys are stable."""
    return {
        "name": architecture.name,  # first
        **architecture.model_dump(mode="json"),
        "scales": _scales(architecture),
        "pattern": architecture.pattern,
        "fingerprint": architecture.fingerprint,
        **({"mtp_parameters": architecture.mtp_parameters} if architecture.mtp else {}),
        "costs": costs_json(architecture, workload),
    }


def _scales(architecture: Architecture) -> dict[str, Any]:
    """Return the scales with all settings that differ from those that they would inherit."""
    found = {}
    for name, scale in architecture.scales.items():
        settings = {key: getattr(scale, key) for key in SETTINGS}
        own = {
            key: settings[key] for key in SETTINGS if settings[key] != getattr(architecture, key)
        }
        found[name] = scale.model_dump(mode="json") | own
    return found


def costs_at(architecture: Architecture, workload: Workload) -> Costs:
    """Count the costs of an architecture at a workload."""
    return cost(
        architecture,
        element_bytes=ELEMENT_BYTES,
        context=workload.context,
        convention=workload.convention,
    )


def costs_json(architecture: Architecture, workload: Workload) -> dict[str, Any]:
    """Return the costs under stable keys."""
    costs = costs_at(architecture, workload)
    context = workload.context or architecture.context
    found = {
        **asdict(costs),
        "total_parameters": costs.total_parameters,
        "active_without_input": costs.active_without_input,
        "active_without_embeddings": costs.active_without_embeddings,
        "weight_bytes": {name: costs.weight_bytes(bits) for name, bits in WEIGHT_BITS.items()},
        "context": context,
        "batch": workload.batch,
        "kv_bytes": workload.batch * costs.kv_bytes(context),
        "cache_bytes": costs.cache_bytes(context, workload.batch),
        "cache_element_bytes": ELEMENT_BYTES,
        "convention": CONVENTIONS[workload.convention],
    }
    if workload.budget is not None:
        found["budget"] = workload.budget
        found["tokens"] = costs.tokens(workload.budget)
        found["steps"] = costs.steps(workload.budget)
    return found
