"""Which trials are best, before and after they were repeated with other seeds."""

import math
from collections.abc import Mapping, Sequence

from optuna.trial import FrozenTrial, TrialState


def ranked(trials: Sequence[FrozenTrial], direction: str) -> list[FrozenTrial]:
    """Return the scored trials, best first; of equals the earlier one."""
    sign = -1 if direction == "maximize" else 1
    scored = [trial for trial in trials if trial.state == TrialState.COMPLETE]
    return sorted(scored, key=lambda trial: (sign * (trial.value or 0.0), trial.number))


def other_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds with which the winners of a search are repeated."""
    return [(seed + 1 + place) % (1 << 32) for place in range(count)]


def best_first(
    trials: Sequence[FrozenTrial],
    direction: str,
    *,
    winners: int,
    means: Mapping[str, float | None],
) -> list[FrozenTrial]:
    """Return the scored trials, the winners in the order of their repeats' means."""
    order = ranked(trials, direction)
    sign = -1 if direction == "maximize" else 1

    def place(trial: FrozenTrial) -> float:
        mean = means.get(trial.user_attrs["fingerprint"])
        return math.inf if mean is None else sign * mean

    return sorted(order[:winners], key=place) + order[winners:]
