"""Conclusions from a search and from a comparison, as data, and the sentence of each.

The terminal and the page choose and lay out; the numbers and the words are the same in both.
"""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from aira_dsl.design.improvement import Improvement
from aira_dsl.design.result import DesignResult
from aira_dsl.evaluation.noise import Noise
from aira_dsl.experiments.comparison import Comparison
from aira_dsl.report.terminal.ranking import not_different, repeats_of
from aira_dsl.study.trials import Trial
from aira_dsl.utils.formatting import listed, plural, score

FEW_RUNS = 5
"""Below this the intervals are too narrow: see docs/compare.md."""

NAMED = 6
"""Pairs that are named one by one; more are counted."""


@dataclass(frozen=True)
class Conclusion:
    """One conclusion.

    Attributes:
        kind: which; a key of `_SENTENCES`.
        values: the numbers and names in it.
    """

    kind: str
    values: dict[str, Any]

    @property
    def sentence(self) -> str:
        """The conclusion in words, without capital and full stop."""
        return _SENTENCES[self.kind](**self.values)


def of_search(
    order: Sequence[Trial], noise: Noise | None, outcomes: Mapping[str, int]
) -> list[Conclusion]:
    """Return what the scores of a search show, and what their noise leaves open.

    Args:
        order: the scored trials, best first.
        noise: of a score near the best one, if it is known.
        outcomes: number of trials by status.
    """
    if not order:
        return [Conclusion("no score", {"outcomes": dict(outcomes)})]
    known = [noise_of(noise)]
    if order[0].confirmed is None:
        known.append(Conclusion("one evaluation", {"trials": len(order)}))
    if noise is None:
        return known
    return [*known, *_by_repeats(order, noise), *_by_one_score(order, noise)]


def of_design(found: DesignResult) -> list[Conclusion]:
    """Return whether the best candidate of a design run is better than its baseline."""
    known = [noise_of(found.noise)]
    best = found.best
    if best is None:
        statuses = Counter(row.status or row.state.lower() for row in found.rows)
        return [Conclusion("no score", {"outcomes": dict(statuses)}), *known]
    gain = found.improvement(best)
    if gain is None:
        return [Conclusion("not compared", {"trial": best.number}), *known]
    return [Conclusion("baseline", {"trial": best.number, "gain": gain}), *known]


def verdict_sentence(gain: Improvement) -> str:
    """Say whether a candidate is better than the baseline."""
    interval = f"95 % interval {score(gain.low)} to {score(gain.high)}"
    repeats = f"{gain.scores} against {plural(gain.baseline, 'repeat')}"
    if gain.significant:
        return f"better than the baseline by {score(gain.mean)} ({interval}; {repeats})"
    direction = "better" if gain.mean >= 0 else "worse"
    return (
        f"not an improvement: {direction} than the baseline by {score(abs(gain.mean))}, which "
        f"noise explains ({interval}; {repeats})"
        if gain.high > 0
        else f"worse than the baseline by {score(-gain.mean)} ({interval}; {repeats})"
    )


def of_comparison(found: Comparison) -> list[Conclusion]:
    """Return which methods differ significantly, which do not, and what limits both."""
    pairs = list(combinations(found.methods, 2))
    different = [pair for pair in pairs if found.differ(*pair)]
    equal = [pair for pair in pairs if pair not in different]
    return [
        *(_better(found, a, b) for a, b in different),
        *_not_different(found, equal, len(pairs)),
        *_incomplete(found),
        *_few(found),
        Conclusion("noise", {"value": found.noise, "basis": found.noise_basis})
        if found.noise is not None
        else noise_of(None),
        *([Conclusion("many pairs", {"pairs": len(pairs)})] if len(pairs) > 1 else []),
        Conclusion("scope", {"budget": found.budget, "place": _place(found)}),
    ]


def _place(found: Comparison) -> str:
    if found.objective == "design":
        return f"on this task at size {found.preset}"
    return f"in this space with preset {found.preset}"


def noise_of(noise: Noise | None) -> Conclusion:
    """Return how large the noise is, and where it was measured."""
    if noise is None:
        return Conclusion("unknown noise", {})
    return Conclusion("noise", {"value": noise.value, "basis": noise.basis})


def _by_repeats(order: Sequence[Trial], noise: Noise) -> list[Conclusion]:
    others = sum(trial.confirmed is not None for trial in order[1:])
    repeats = repeats_of(order[0])
    if close := not_different(order, noise):
        patterns = [trial.pattern for trial in close]
        return [Conclusion("not different", {"repeats": repeats, "patterns": patterns})]
    return [Conclusion("best alone", {"repeats": repeats, "others": others})] * (others > 0)


def _by_one_score(order: Sequence[Trial], noise: Noise) -> list[Conclusion]:
    best, margin = order[0], noise.single_margin(repeats_of(order[0]))
    value = best.score if best.confirmed is None else best.confirmed
    single = [t.score for t in order[1:] if t.confirmed is None and t.score is not None]
    if value is None or not single:
        return []
    near = sum(abs(each - value) <= margin for each in single)
    return [Conclusion("near the best", {"near": near, "trials": len(single), "margin": margin})]


def _better(found: Comparison, a: str, b: str) -> Conclusion:
    difference = found.differences[a][b]
    assert difference is not None
    if found.direction.sign * difference.mean < 0:
        a, b = b, a
    difference = found.differences[a][b]
    assert difference is not None
    low, high = sorted((abs(difference.low), abs(difference.high)))
    values = {"a": a, "b": b, "by": abs(difference.mean), "low": low, "high": high}
    return Conclusion("better", {**values, "beats": found.beats[a][b].mean})


def _not_different(
    found: Comparison, equal: Sequence[tuple[str, str]], total: int
) -> list[Conclusion]:
    """Name the pairs where that tells something: a few of them, and not all of many."""
    if not equal:
        return []
    reasons = Counter(_reason(found, a, b) for a, b in equal)
    informative = len(equal) <= NAMED and (len(equal) < total or total == 1)
    names = [f"{a} and {b}" for a, b in equal] if informative else []
    values = {"count": len(equal), "total": total, "reasons": dict(reasons), "names": names}
    return [Conclusion("no difference", values)]


def _reason(found: Comparison, a: str, b: str) -> str:
    difference = found.differences[a][b]
    if difference is None:
        return "a method has no test score"
    if min(found.methods[name].scored for name in (a, b)) < 2:
        return "a method has one run"
    if difference.low <= 0 <= difference.high:
        return "the 95 % interval contains 0"
    return "the difference is below the noise floor"


def _incomplete(found: Comparison) -> list[Conclusion]:
    conclusions = []
    for name, method in found.methods.items():
        values = {"name": name, "runs": len(method.runs)}
        if missing := len(method.runs) - method.scored:
            conclusions.append(Conclusion("unscored runs", {**values, "count": missing}))
        if short := sum(run.trials < found.budget for run in method.runs):
            conclusions.append(Conclusion("short runs", {**values, "count": short}))
    return conclusions


def _few(found: Comparison) -> list[Conclusion]:
    runs = min(len(method.runs) for method in found.methods.values())
    return [Conclusion("few runs", {"runs": runs})] if runs < FEW_RUNS else []


def _no_score(outcomes: Mapping[str, int]) -> str:
    told = listed([f"{count:,} {status}" for status, count in outcomes.items()])
    return f"no trial has a score ({told or 'no trials yet'})"


def _no_difference(count: int, total: int, reasons: Mapping[str, int], names: Sequence[str]) -> str:
    whys = list(reasons)
    why = whys[0] if len(whys) == 1 else "; ".join(f"{n}: {each}" for each, n in reasons.items())
    if total == 1:
        return f"no significant difference between {names[0]} ({why})"
    pairs = f": {listed(list(names), NAMED)}" if names else ""
    return f"no significant difference in {count} of {total} pairs ({why}){pairs}"


def _many(pairs: int) -> str:
    return (
        f"{pairs} pairs are tested at 95 % confidence each: among equal methods "
        f"{pairs / 20:.2g} of them are expected to look different"
    )


_SENTENCES: dict[str, Callable[..., str]] = {
    "no score": _no_score,
    "noise": lambda value, basis: (
        f"noise of a score between seeds: {score(value)}" + (f" (from {basis})" if basis else "")
    ),
    "unknown noise": lambda: "the noise of a score is not known: differences may be due to chance",
    "one evaluation": lambda trials: (
        f"the best of {plural(trials, 'trial')} has one evaluation, for which it was chosen: the "
        "score is likely to be too good"
    ),
    "baseline": lambda trial, gain: f"trial {trial} is {verdict_sentence(gain)}",
    "not compared": lambda trial: (
        f"trial {trial} has no repeats: its score is likely to be too good"
    ),
    "not different": lambda repeats, patterns: (
        f"not significantly different from the best ({plural(repeats, 'repeat')}): "
        f"{listed(patterns)}"
    ),
    "best alone": lambda repeats, others: (
        f"the best is significantly better than the {plural(others, 'other winner')} "
        f"({plural(repeats, 'repeat')})"
    ),
    "near the best": lambda near, trials, margin: (
        f"of {plural(trials, 'trial')} with one evaluation, {near:,} "
        f"{'is' if near == 1 else 'are'} within {score(margin)} of the best: not significantly "
        "different from it"
    ),
    "better": lambda a, b, by, low, high, beats: (
        f"{a} ends better than {b} by {score(by)} (95 % interval {score(low)} to {score(high)}); "
        f"a run of it ends better with probability {beats:.2f}"
    ),
    "no difference": _no_difference,
    "unscored runs": lambda name, count, runs: (
        f"{count} of {plural(runs, 'run')} of {name} {'has' if count == 1 else 'have'} no test "
        "score: the mean leaves them out, and they lose to every run that has one"
    ),
    "short runs": lambda name, count, runs: (
        f"{count} of {plural(runs, 'run')} of {name} ended before the budget"
    ),
    "few runs": lambda runs: (
        "a method has one run: the variation between runs is not known"
        if runs == 1
        else f"{runs} runs of a method are few: the intervals are too narrow"
    ),
    "many pairs": _many,
    "scope": lambda budget, place: (
        f"this holds for budgets of {plural(budget, 'evaluation')} {place}"
    ),
}
