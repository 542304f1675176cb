"""The best trials of a search: the one rule, asked by everything that names a best trial."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.trials import Trial


def rank(trials: Iterable[Trial], direction: Direction) -> list[Trial]:
    """Return the trials that have a score, best first.

    The confirmed trials come first, by their mean score with other seeds, then the others by their
    score. Of equal trials the earlier one comes first.
    """

    def place(trial: Trial) -> tuple[bool, float, int]:
        value = trial.score if trial.confirmed is None else trial.confirmed
        assert value is not None
        return trial.confirmed is None, -direction.sign * value, trial.number

    return sorted((trial for trial in trials if trial.score is not None), key=place)


def best(trials: Iterable[Trial], direction: Direction) -> Trial | None:
    """Return the best trial; None if no trial has a score."""
    return next(iter(rank(trials, direction)), None)


def confirm(trials: Sequence[Trial], direction: Direction, winners: int) -> list[Trial]:
    """Return the trials, the winners confirmed by the mean of their repeats.

    The winners are the `winners` best by score. A trial that was a winner of a smaller budget and
    is not one any more keeps its repeats, but is not confirmed: a search that grew ends with the
    same best trial as one that had its budget from the beginning.
    """
    unconfirmed = [replace(trial, confirmed=None) for trial in trials]
    chosen = {trial.number for trial in rank(unconfirmed, direction)[:winners]}
    return [
        replace(trial, confirmed=mean(trial.repeats)) if trial.number in chosen else trial
        for trial in unconfirmed
    ]


def mean(repeats: Mapping[str, float | None]) -> float | None:
    """Return the mean score over other seeds; None without repeats, or if one of them failed.

    The score for which a trial was chosen is not part of it.
    """
    scores = [score for score in repeats.values() if score is not None]
    return sum(scores) / len(scores) if scores and len(scores) == len(repeats) else None


def other_seeds(seed: int, count: int) -> list[int]:
    """Return the seeds with which the winners of a search are repeated."""
    return [(seed + 1 + place) % (1 << 32) for place in range(count)]
