"""The worker functions of the diagnosis: what may kill the process that does it."""

import importlib
from collections.abc import Callable
from typing import Any

from aira_dsl.jobs.pool import ShouldContinue


def import_modules(modules: list[str], report: ShouldContinue) -> dict[str, str]:
    """Import modules; return why, for those that cannot be imported.

    Args:
        modules: their names; each is reported before it is imported.
        report: called with a name.
    """
    errors = {}
    for name in modules:
        report(name)
        try:
            importlib.import_module(name)
        except Exception as error:  # a package may raise anything while it is imported
            errors[name] = f"{type(error).__name__}: {error}"
    return errors


def take_step(step: str, report: ShouldContinue) -> Any:
    """Return what a step found; its exceptions are those of a broken torch."""
    return STEPS[step]()


def _torch() -> dict[str, Any]:
    import torch

    return {"version": torch.__version__, "cuda": torch.version.cuda}


def _gpus() -> list[dict[str, Any]]:
    import torch

    found = map(torch.cuda.get_device_properties, range(torch.cuda.device_count()))
    return [{"name": each.name, "memory": each.total_memory} for each in found]


def _processor() -> dict[str, Any]:
    from aira_dsl.models.precision import describe_processor

    return describe_processor()


def _missing_kernels() -> str | None:
    from aira_dsl.models.accelerate import missing_kernels

    return missing_kernels()


def _precision() -> dict[str, str]:
    from aira_dsl.models.precision import choose_device, choose_precision

    device = choose_device()
    return {"device": device, "precision": choose_precision(device=device)}


STEPS: dict[str, Callable[[], Any]] = {
    "torch": _torch,
    "gpus": _gpus,
    "processor": _processor,
    "missing kernels": _missing_kernels,
    "precision": _precision,
}
"""What is found with torch, by name; all of it JSON values."""
