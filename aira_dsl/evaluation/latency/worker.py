"""The worker function that measures: in a process of its own, with its own number of threads."""

from dataclasses import asdict
from typing import Any

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.latency.measure import Setting, measure
from aira_dsl.jobs.pool import ShouldContinue


def run(payload: dict[str, Any], should_continue: ShouldContinue) -> dict[str, Any]:
    """Measure blocks and stacks.

    Args:
        payload: `architecture`; `stacks`, lists of layer names; `threads`; `setting`, the fields
            of `Setting`.
        should_continue: not asked.

    Returns:
        `ends`, `blocks` by name and `stacks`, each with `prefill` and `decode` in seconds.
    """
    torch.set_num_threads(payload["threads"])
    architecture = Architecture.model_validate(payload["architecture"])
    times, stacks = measure(architecture, payload["stacks"], Setting(**payload["setting"]))
    return {**asdict(times), "stacks": [asdict(each) for each in stacks]}
