"""What one run folder says of a run, in the terms of a comparison."""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from aira_dsl.evaluation.direction import Direction
from aira_dsl.experiments.comparison.record import RunSummary
from aira_dsl.experiments.comparison.statistics import best_so_far, entropy_per_slot, hamming
from aira_dsl.study.run import RunOf
from aira_dsl.study.trials import Trial

UNUSABLE = ("invalid", "duplicate")
"""How a proposal ended that never was a candidate to evaluate."""


def summarise_run(
    run: RunOf[Any], tests: Sequence[float | None], *, budget: int, folder: str | Path
) -> RunSummary:
    """Summarise a run.

    Args:
        run: the run.
        tests: scores on the test split of what it names the best, one for each test seed.
        budget: evaluations of every run of the comparison.
        folder: the run folder as the comparison names it.
    """
    rows = finished(run)
    best = run.best
    usd = [row.usd for row in rows]
    layers = sorted({row.layers for row in rows if is_usable(row)})
    return RunSummary(
        seed=run.settings.seed,
        folder=str(folder),
        trials=len(rows),
        scores=tuple(row.score for row in rows),
        best_so_far=_curve(rows, run.direction, budget),
        fingerprint=best.fingerprint if best else None,
        pattern=best.pattern if best else "",
        parameters=best.parameters if best else None,
        final_validation=best.score if best else None,
        final_confirmed=best.confirmed if best else None,
        final_test=tuple(tests),
        valid_rate=sum(map(is_usable, rows)) / len(rows) if rows else 0.0,
        first_try_rate=_first_try_rate(rows),
        duplicates=sum(map(_duplicates, rows)),
        distinct=len({row.fingerprint for row in rows if is_usable(row)}),
        hamming=hamming(layers),
        entropy_per_slot=tuple(entropy_per_slot(layers)),
        calls=sum(len(row.calls) for row in rows),
        tokens=sum(row.tokens for row in rows),
        usd=None if None in usd else sum(cost or 0.0 for cost in usd),
        seconds=sum(row.seconds or 0.0 for row in rows),
        cached=sum(row.cached for row in rows),
    )


def finished(run: RunOf[Any]) -> list[Trial]:
    """Return the trials of a run that came to an end, in order."""
    return [row for row in run.rows if row.state != "RUNNING"]


def _curve(rows: Sequence[Trial], direction: Direction, budget: int) -> tuple[float | None, ...]:
    sign = direction.sign
    turned = [-math.inf if row.score is None else sign * row.score for row in rows]
    return tuple(None if best == -math.inf else sign * best for best in best_so_far(turned, budget))


def is_usable(row: Trial) -> bool:
    """Return whether a trial has a candidate to evaluate."""
    return bool(row.fingerprint) and row.status not in UNUSABLE


def _first_try_rate(rows: Sequence[Trial]) -> float | None:
    first = [row.calls[0] for row in rows if row.calls]
    return sum(not call.complaint for call in first) / len(first) if first else None


def _duplicates(row: Trial) -> int:
    """Count the proposals behind a trial that repeated an arrangement."""
    answers = sum(call.code == "duplicate" for call in row.calls)
    return max(row.duplicates, answers, int(row.status == "duplicate"))
