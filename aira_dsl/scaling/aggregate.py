"""Aggregate many trials into one architecture: a pool, weights of the votes, a rule.

The three are separate choices; combined they give the paper's methods (arXiv 2605.15871; the rule
is from Composer, arXiv 2510.00379):

- pool: all candidates of each run, its best N, or its top cluster by k-means on the scores;
- weights: every candidate one vote, or `decay ** rank` by its rank in its run; with several runs
  each run's votes add up to 1, so that a long run does not outvote a short one;
- rule N_c: positions are fixed from left to right; each takes the block with the most votes among
  those candidates whose previous c positions are the ones already chosen. N0 is an independent vote
  at each position, N1 follows the most frequent neighbours, c ≥ depth - 1 compares whole prefixes.

The papers do not define ties, nor what happens if no candidate matches. Here, of blocks with equal
votes the one whose voters have the better mean value wins (values relative to the best of their
run), then the one that the space names first. If no candidate matches, the context is shortened
from the left, one position at a time; all match the empty context. Sums are rounded once (`fsum`),
so that the order of the candidates has no effect.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from math import fsum

Layers = tuple[str, ...]

_LEAST = 1e-250  # what a vote counts at least, where its power of the decay underflows


@dataclass(frozen=True)
class Candidate:
    """An architecture of a run.

    Attributes:
        layers: block names, first layer first.
        value: its score, turned so that more is better.
        confirmed: value by which its search named it a winner, as in `study.selection`; None if
            it is not a winner.
    """

    layers: Layers
    value: float
    confirmed: float | None = None

    @property
    def standing(self) -> tuple[bool, float]:
        """Sort key of the ranking that a search prints: the less, the better."""
        value = self.value if self.confirmed is None else self.confirmed
        return self.confirmed is None, -value


@dataclass(frozen=True)
class Vote:
    """A candidate with the weight of its vote.

    Attributes:
        layers: block names, first layer first.
        weight: above 0; of all votes together 1.
        value: for ties: its value minus the best of its run, 0 or below.
    """

    layers: Layers
    weight: float
    value: float


@dataclass(frozen=True)
class Slot:
    """The votes at one position.

    Attributes:
        name: the block chosen.
        shares: of the matching votes, by block, in the order of the space; they add up to 1.
        matched: number of matching candidates.
        context: number of previous positions that match; fewer than c at the left end, or if no
            candidate matches more.
        tie: whether another block has as many votes.
    """

    name: str
    shares: dict[str, float]
    matched: int
    context: int
    tie: bool


def all_of(candidates: Sequence[Candidate]) -> list[Candidate]:
    """Return the candidates, best first; equal ones in the order of their layers."""
    return sorted(candidates, key=lambda candidate: (*candidate.standing, candidate.layers))


def top(candidates: Sequence[Candidate], count: int) -> list[Candidate]:
    """Return the best `count` (at least 1), and those with the same value as the last."""
    ranked = all_of(candidates)
    return [each for each in ranked if each.standing <= ranked[: max(1, count)][-1].standing]


def top_cluster(candidates: Sequence[Candidate], clusters: int = 3) -> list[Candidate]:
    """Return the best cluster of k-means on the values; the solution is exact and needs no seed.

    Args:
        candidates: at least one.
        clusters: k, at least 1; at most the number of different values counts.
    """
    ranked = sorted(candidates, key=lambda candidate: (-candidate.value, candidate.layers))
    values = [candidate.value for candidate in ranked]
    return ranked[: first_cluster(values, min(clusters, len(set(values))))]


def first_cluster(values: Sequence[float], clusters: int) -> int:
    """Return the size of the first cluster of the best division of sorted values.

    In one dimension clusters are ranges of the sorted values, and the division with the least sum
    of squares is found by dynamic programming over the start of the last range. Of equally good
    divisions the one with the smaller first cluster is taken. Equal values stay together.
    """
    middle = fsum(values) / len(values)  # centred: sums of squares lose least to rounding
    sums = [0.0, *accumulate(value - middle for value in values)]
    squares = [0.0, *accumulate((value - middle) ** 2 for value in values)]

    def within(start: int, stop: int) -> float:
        return squares[stop] - squares[start] - (sums[stop] - sums[start]) ** 2 / (stop - start)

    cuts = [i for i in range(1, len(values)) if values[i] != values[i - 1]] + [len(values)]
    # By the end of the range: the least cost of that many clusters, and the size of the first.
    best = {stop: (within(0, stop), stop) for stop in cuts}
    for _ in range(clusters - 1):
        best = {
            stop: min((best[at][0] + within(at, stop), best[at][1]) for at in best if at < stop)
            for stop in cuts
            if any(at < stop for at in best)
        }
    return best[len(values)][1]


def votes(pools: Sequence[Sequence[Candidate]], *, decay: float | None = None) -> list[Vote]:
    """Return the votes of the candidates of each run's pool; every run has the same total.

    Args:
        pools: one a run, none empty.
        decay: above 0 and at most 1: a candidate has `decay ** rank` votes, its rank being the
            number of better candidates in its pool; None: each has one.
    """
    found = []
    for pool in pools:
        ranked = all_of(pool)
        values = [candidate.value for candidate in ranked]
        raw = [max(_LEAST, (decay or 1.0) ** values.index(value)) for value in values]
        total = fsum(raw) * len(pools)
        found += [
            Vote(each.layers, weight / total, each.value - values[0])
            for each, weight in zip(ranked, raw, strict=True)
        ]
    return found


def aggregate(given: Sequence[Vote], names: Sequence[str], c: int) -> list[Slot]:
    """Apply the rule N_c.

    Args:
        given: at least one; all of one depth, over blocks in `names`.
        names: the blocks in the order of the space.
        c: number of previous positions that must match, at least 0.
    """
    chosen: list[Slot] = []
    for position in range(len(given[0].layers)):
        start = max(0, position - c)
        prefix = tuple(slot.name for slot in chosen)
        while not (matched := [v for v in given if v.layers[start:position] == prefix[start:]]):
            start += 1
        chosen.append(_decide(matched, names, position, position - start))
    return chosen


def _decide(matched: Sequence[Vote], names: Sequence[str], position: int, context: int) -> Slot:
    tallies: dict[str, tuple[float, float]] = {}
    for name in names:
        of_it = [vote for vote in matched if vote.layers[position] == name]
        weight = fsum(vote.weight for vote in of_it)
        mean = fsum(vote.value for vote in of_it) / max(1, len(of_it))
        tallies[name] = (weight, mean)
    winner = max(names, key=lambda name: tallies[name])  # the first of equal ones
    total = fsum(weight for weight, _ in tallies.values())
    return Slot(
        name=winner,
        shares={name: weight / total for name, (weight, _) in tallies.items()},
        matched=len(matched),
        context=context,
        tie=sum(weight == tallies[winner][0] for weight, _ in tallies.values()) > 1,
    )
