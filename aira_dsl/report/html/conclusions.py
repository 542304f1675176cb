"""What may and what may not be concluded from a comparison, in sentences: the numbers decide."""

from itertools import combinations

from aira_dsl.experiments.comparison import Comparison
from aira_dsl.report.html.text import clean
from aira_dsl.utils.formatting import listed

FEW_SEEDS = 10
"""With fewer runs a bootstrap interval is too narrow."""


def conclusions(found: Comparison) -> tuple[list[str], list[str]]:
    """Return what may be concluded, and what may not."""
    pairs = list(combinations(found.methods, 2))
    apart = [pair for pair in pairs if told_apart(found, *pair)]
    together = [pair for pair in pairs if pair not in apart]
    may = [_better(found, a, b) for a, b in apart]
    if not may:
        may = ["No method is shown to end better than another."]
    may_not = [*_ties(found, together), *_few(found), *_unknown_noise(found), *_unscored(found)]
    if len(pairs) > 1:
        may_not.append(
            f"{len(pairs)} pairs were looked at, each with 95 % confidence: where no method is "
            f"better, {len(pairs) / 20:.2g} of them would still be expected to look so."
        )
    may_not.append(
        f"All of this holds for budgets of {found.budget:,} evaluations in this space, with preset "
        f"{found.preset}; nothing here says how it goes on."
    )
    return may, may_not


def told_apart(found: Comparison, a: str, b: str) -> bool:
    """Tell whether two methods may be called different; one run of each never is enough."""
    runs = min(sum(r.final is not None for r in found.methods[name].runs) for name in (a, b))
    return runs > 1 and found.told_apart(a, b)


def _better(found: Comparison, a: str, b: str) -> str:
    difference = found.differences[a][b]
    assert difference is not None
    if found.direction.sign * difference.mean <= 0:
        a, b = b, a
        difference = found.differences[a][b]
        assert difference is not None
    floor = found.noise_floor[a][b]
    noise = "" if floor is None else f", and noise alone would make no more than {floor:.4f}"
    return (
        f"{clean(a)} ends better than {clean(b)}: by {abs(difference.mean):.4f} on the test split "
        f"(95 % interval {difference.low:+.4f} to {difference.high:+.4f}{noise}); a run of it ends "
        f"better with probability {found.beats[a][b].mean:.2f}."
    )


def _ties(found: Comparison, pairs: list[tuple[str, str]]) -> list[str]:
    """Say which methods are not told apart, and by what."""
    reasons: dict[str, list[str]] = {}
    for a, b in pairs:
        reasons.setdefault(_reason(found, a, b), []).append(f"{clean(a)} and {clean(b)}")
    return [f"Not told apart: {listed(names, 12)} ({why})." for why, names in reasons.items()]


def _reason(found: Comparison, a: str, b: str) -> str:
    difference = found.differences[a][b]
    if difference is None:
        return "one of them has no final score"
    if difference.low <= 0 <= difference.high:
        return "the interval of the difference holds 0"
    floor = found.noise_floor[a][b]
    if floor is not None and abs(difference.mean) <= floor:
        return "noise of the scores alone can make the difference"
    return "one run is not enough"


def _few(found: Comparison) -> list[str]:
    runs = min(len(method.runs) for method in found.methods.values())
    if runs == 1:
        return ["There is a method with one run: how much its runs differ is not known."]
    if runs < FEW_SEEDS:
        return [
            f"{runs} runs of a method are few: intervals from so few are too narrow, and what "
            "just passes here may not with other seeds."
        ]
    return []


def _unknown_noise(found: Comparison) -> list[str]:
    if found.noise is not None:
        return []
    return ["The noise of a score is not known for this preset: differences are not held to it."]


def _unscored(found: Comparison) -> list[str]:
    missing = {
        clean(name): sum(run.final is None for run in method.runs)
        for name, method in found.methods.items()
    }
    told = [f"{count:,} of {name}" for name, count in missing.items() if count]
    if not told:
        return []
    return [
        f"Runs without a final score: {listed(told)}. Means leave them out; the probability of "
        "ending better counts them as lost."
    ]
