"""The baseline of a design run: the starting files, judged several times with different seeds.

Scores depend on the speed of the machine, so that a baseline from elsewhere says little. Its
repeats also show the noise, before any candidate is proposed: a difference below it is not an
improvement.
Each repeat is noted in the study as it ends; a continued run makes those that are missing.
"""

import math
import statistics
from collections.abc import Callable, Sequence
from contextlib import closing

from aira_dsl.design.judgement import Judgement
from aira_dsl.design.metadata import Baseline
from aira_dsl.errors import RunError
from aira_dsl.evaluation.batch import evaluate_many
from aira_dsl.evaluation.noise import Noise
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.result import Evaluation
from aira_dsl.study.journal import Journal
from aira_dsl.utils.formatting import plural

NOTE = "baseline"
MEMORY = "baseline_memory"
FREEDOM = 4.0
"""Most degrees of freedom that the noise a task names is worth; it is of another machine."""


def measure(
    requests: Sequence[EvaluationRequest],
    journal: Journal,
    pool: EvaluationPool,
    on_progress: Callable[[int, int], None],
) -> dict[int, float]:
    """Return the scores of the starting files by seed; call inside `Journal.exclusively`.

    Args:
        requests: one a seed.
        journal: where scores are noted, and peak memory in bytes, both by seed.
        pool: where they are judged.
        on_progress: called with the number of scores and that of all, about once a second.

    Raises:
        RunError: E1211, the starting files have no score.
    """
    scores: dict[str, float] = journal.noted(NOTE, {})
    memory: dict[str, int] = journal.noted(MEMORY, {})
    missing = [request for request in requests if str(request.seed) not in scores]

    def tick() -> None:
        on_progress(len(requests) - len(missing), len(requests))

    with closing(pool):
        for result in evaluate_many(tuple(missing), pool, on_tick=tick):
            found = result.evaluation
            if found.score is None:
                raise RunError(
                    "E1211",
                    f"the files that candidates start with have no score ({found.status}): "
                    f"{found.message}",
                    help="judge them by `aira-dsl design judge`; a run needs a baseline",
                )
            memory |= _peak(found)
            journal.note(MEMORY, memory)
            scores[str(found.seed)] = found.score
            journal.note(NOTE, scores)
            missing.pop()
            tick()
    return {request.seed: scores[str(request.seed)] for request in requests}


def _peak(found: Evaluation) -> dict[str, int]:
    """Return the peak memory of a judgement by its seed; empty if it is not known."""
    peak = found.facts.get("peak_memory_bytes") if isinstance(found, Judgement) else None
    return {str(found.seed): peak} if isinstance(peak, int) else {}


def noise(scores: Sequence[float], known: Baseline | None) -> Noise | None:
    """Return the noise of a score between seeds, shrunk towards the one that the task names.

    As `aira_dsl.evaluation.noise`, with nothing that the seeds share: a training of fixed time is
    not repeatable.

    Args:
        scores: of the baseline, or of several candidates less their means.
        known: what the task names for this size; None if it names nothing. One score says nothing
            about noise, and a standard deviation of few counts as that many.
    """
    freedom = len(scores) - 1
    variance = statistics.variance(scores) if freedom > 0 else 0.0
    own = f"{plural(len(scores), 'repeat')} of the baseline"
    named = min(FREEDOM, known.repeats - 1) if known is not None else 0.0
    if known is None or named < 1:
        if freedom < 1:
            return None
        value = math.sqrt(variance)
        return Noise(value, value, freedom, "repeats", own)
    if freedom < 1:
        return Noise(known.noise, known.noise, named, "calibration", _named(known.machine))
    value = math.sqrt((named * known.noise**2 + freedom * variance) / (named + freedom))
    basis = f"{own} and {_named(known.machine)}"
    return Noise(value, value, named + freedom, "repeats and calibration", basis)


def _named(where: str) -> str:
    return "the task's own measurement" + (f" ({where})" if where else "")
