"""Trials that do not differ significantly from the best one."""

from collections.abc import Sequence

from aira_dsl.evaluation.noise import Noise
from aira_dsl.study.trials import Trial


def repeats_of(best: Trial) -> int:
    """Return of how many evaluations the value that a trial is ranked by is the mean."""
    return 1 if best.confirmed is None else len(best.repeats)


def not_different(order: Sequence[Trial], noise: Noise) -> list[Trial]:
    """Return the other winners that do not differ significantly from the best trial.

    Args:
        order: trials, best first.
        noise: of a score near the best one.
    """
    winners = [trial for trial in order if trial.confirmed is not None]
    if len(winners) < 2:
        return []
    best = winners[0]
    assert best.confirmed is not None
    margin = noise.paired_margin(repeats_of(best), of=len(winners))
    return [
        trial
        for trial in winners[1:]
        if trial.confirmed is not None and abs(trial.confirmed - best.confirmed) < margin
    ]
