"""What may be concluded from a search, in sentences: the noise of the scores decides."""

from collections.abc import Mapping, Sequence

from aira_dsl.report.html.text import clean
from aira_dsl.report.terminal.ranking import repeats_of, single_margin
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import listed


def verdict(
    order: Sequence[Trial], close: Sequence[Trial], noise: float | None, outcomes: Mapping[str, int]
) -> list[str]:
    """Say what the noise of the scores leaves open.

    Args:
        order: the scored trials, best first.
        close: those that the repeats do not tell apart from the best.
        noise: standard deviation of a score between seeds, if it is known.
        outcomes: how many trials ended in which way.
    """
    if not order:
        told = listed([f"{count:,} {name}" for name, count in outcomes.items()])
        return [f"No trial got a score ({told or 'there are none yet'})."]
    if noise is None:
        return [
            "The noise of these scores has not been measured, so nothing here says whether the "
            "best is better than the next by more than chance."
        ]
    return [*_by_repeats(order, close), *_by_one_score(order, noise)]


def _by_repeats(order: Sequence[Trial], close: Sequence[Trial]) -> list[str]:
    best, others = order[0], sum(row.confirmed is not None for row in order[1:])
    if best.confirmed is None:
        return [
            f"The best was evaluated once and chosen for being the best of {len(order):,}: its "
            "score is likely to be too good."
        ]
    if close:
        patterns = listed([clean(row.pattern) for row in close])
        return [f"Not told apart from the best by {repeats_of(best)} repeats: {patterns}."]
    return [f"{repeats_of(best)} repeats tell the best apart from {others} others."] * (others > 0)


def _by_one_score(order: Sequence[Trial], noise: float) -> list[str]:
    best, margin = order[0], single_margin(order[0], noise)
    value = best.score if best.confirmed is None else best.confirmed
    single = [row.score for row in order[1:] if row.confirmed is None and row.score is not None]
    if value is None or not single:
        return []
    near = sum(abs(score - value) <= margin for score in single)
    return [
        f"Of {len(single):,} other trials, each evaluated once, {near:,} lie within {margin:.4f} "
        "of the best: one evaluation can not tell them apart from it."
    ]
