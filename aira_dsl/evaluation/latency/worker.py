"""The worker function that measures: in a process of its own, with its own number of threads."""

import ctypes
from dataclasses import asdict
from typing import Any

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.measure import Setting, measure
from aira_dsl.jobs.pool import ShouldContinue

_TRIM_THRESHOLD, _TOP_PAD, _MMAP_MAX = -1, -2, -4  # parameters of glibc's mallopt


def run(payload: dict[str, Any], should_continue: ShouldContinue) -> dict[str, Any]:
    """Measure blocks and stacks.

    Args:
        payload: `architecture`; `stacks`, lists of layer names; `threads`; `setting`, the fields
            of `Setting`.
        should_continue: not asked.

    Returns:
        `ends`, `blocks` by name and `stacks`, each with `prefill` and `decode` in seconds.
    """
    _keep_freed_memory()
    torch.set_num_threads(payload["threads"])
    architecture = Architecture.model_validate(payload["architecture"])
    times, stacks = measure(architecture, payload["stacks"], Setting(**payload["setting"]))
    return {**asdict(times), "stacks": [asdict(each) for each in stacks]}


def _keep_freed_memory() -> None:
    """Let the allocator reuse freed memory in place of returning it to the system.

    Otherwise a tensor may get fresh pages, which are slow, depending on the sizes of the tensors
    before it: the time of a layer would depend on its neighbours. Only glibc has these settings.
    """
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        for parameter, value in (
            (_MMAP_MAX, 0),
            (_TRIM_THRESHOLD, (1 << 31) - 1),
            (_TOP_PAD, 1 << 28),
        ):
            mallopt(parameter, value)
