"""What a picture of scores shades: the scores that noise alone explains."""

from dataclasses import dataclass

from aira_dsl.report.html.design_facts import DesignFacts
from aira_dsl.report.html.search_facts import SearchFacts
from aira_dsl.utils.formatting import plural, score


@dataclass(frozen=True)
class Shade:
    """Scores that are shaded because noise alone may have made them.

    Attributes:
        middle, margin: the scores, from middle - margin to middle + margin.
        label: what they are, for the legend.
        sentence: the same for the description of the picture.
        baseline: scores of the baseline that the middle is the mean of; empty for another middle.
    """

    middle: float
    margin: float
    label: str
    sentence: str
    baseline: tuple[float, ...] = ()


def near_the_best(found: SearchFacts) -> Shade | None:
    """Return the scores that are not significantly different from a search's best one."""
    if not found.top or found.margin is None:
        return None
    best, margin = found.top[0].value, found.margin
    return Shade(
        middle=best,
        margin=margin,
        label=f"one evaluation is not significantly different from the best (±{score(margin)})",
        sentence=f"Within {score(margin)} of {score(best)}, one evaluation is not significantly "
        "different from the best.",
    )


def around_the_baseline(found: DesignFacts) -> Shade | None:
    """Return the scores that are not significantly different from the baseline."""
    mean, margin = found.baseline_mean, found.floor
    if mean is None or margin is None:
        return None
    count = plural(len(found.baseline), "repeat")
    return Shade(
        middle=mean,
        margin=margin,
        label=f"within noise of the baseline: one score here is not an improvement "
        f"(±{score(margin)})",
        sentence=f"The baseline scores {score(mean)} (mean of {count}). One score within "
        f"{score(margin)} of it is not an improvement.",
        baseline=tuple(found.baseline.values()),
    )
