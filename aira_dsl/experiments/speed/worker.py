"""The worker function of the speed benchmark.

One job in every process prepares the work (builds it, warms it up), a second one times it, so that
the processes work at the same time.
"""

import json
import resource
import time
from collections.abc import Callable
from functools import lru_cache
from typing import Any

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.experiments.speed.implementations import make_step
from aira_dsl.jobs.pool import ShouldContinue
from aira_dsl.models.precision import DTYPES

MIN_STEPS = 2  # however long they take
PRODUCT = 2048  # rows and columns of the matrices that are multiplied
MATMUL = "matmul"


def measure(payload: dict[str, Any], should_continue: ShouldContinue) -> dict[str, float]:
    """Return steps per second and the peak memory of this process in bytes.

    Args:
        payload: `work`, JSON text that says what to do (`work`: an implementation or `matmul`;
            `precision`; `threads`; `architecture`); and `seconds`, None to prepare it only.
        should_continue: not asked.
    """
    step, seconds = _step(payload["work"]), payload["seconds"]
    if seconds is None:
        step()
        return {}
    started, steps = time.perf_counter(), 0
    while steps < MIN_STEPS or time.perf_counter() - started < seconds:
        step()
        steps += 1
    rate = steps / (time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"steps_per_second": rate, "peak_bytes": peak}


@lru_cache(maxsize=1)
def _step(text: str) -> Callable[[], object]:
    """Build what `text` describes; the last one is kept."""
    work = json.loads(text)
    torch.set_num_threads(work["threads"])
    if work["work"] == MATMUL:
        factor = torch.randn(PRODUCT, PRODUCT, dtype=DTYPES[work["precision"]])
        return lambda: torch.mm(factor, factor)
    architecture = Architecture.model_validate(work["architecture"])
    return make_step(work["work"], architecture, work["precision"])
