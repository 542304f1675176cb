"""A process that trains for the benchmark: `python -m aira_dsl.experiments.speed.worker THREADS`.

One JSON request a line on standard input, one JSON answer a line on standard output. A request is
prepared first (built, warmed up), then timed on the word, so that several processes work at once.
"""

import json
import os
import resource
import sys
import time
from typing import Any

STEPS = 2  # at least, however long they take


def main() -> None:
    """Serve requests until standard input closes."""
    answers = os.fdopen(os.dup(1), "w")
    os.dup2(2, 1)  # what libraries print must not get among the answers

    import torch

    torch.set_num_threads(int(sys.argv[1]))
    for line in sys.stdin:
        work = _prepare(json.loads(line))
        print(json.dumps("ready"), file=answers, flush=True)
        seconds = float(json.loads(sys.stdin.readline()))
        print(json.dumps(_measure(work, seconds)), file=answers, flush=True)


def _prepare(request: dict[str, Any]) -> Any:
    if request["work"] == "matmul":
        return _matmul(request["precision"])
    from aira_dsl.architecture import Architecture
    from aira_dsl.experiments.speed.implementations import make_step

    architecture = Architecture.model_validate(request["architecture"])
    step = make_step(request["work"], architecture, request["precision"])
    step()
    return step


def _matmul(precision: str) -> Any:
    import torch

    from aira_dsl.models.precision import DTYPES

    a = torch.randn(2048, 2048, dtype=DTYPES["bf16" if precision == "bf16" else "fp32"])
    return lambda: torch.mm(a, a)


def _measure(work: Any, seconds: float) -> dict[str, float]:
    """Work for so many seconds; return the rate and the most memory this process has had."""
    started, steps = time.perf_counter(), 0
    while steps < STEPS or time.perf_counter() - started < seconds:
        work()
        steps += 1
    rate = steps / (time.perf_counter() - started)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024
    return {"steps_per_second": rate, "peak_bytes": peak}


if __name__ == "__main__":
    main()
