"""Candidates of run folders, and their aggregation into one architecture of their space.

Candidates are ranked as their search ranks its trials (`study.selection`): first the winners by the
mean of their repeats, then the others. A candidate's value, which decides ties and clusters, is the
mean over all seeds that it was evaluated with: that of its trial and those of its repeats. Only
winners are repeated, and the first score of a winner is one that was chosen for being high. The
repeats alone would hold this against the winners only; the mean of all corrects a part of it. A
trial that failed with any seed is not a candidate. Nor is one whose blocks an agent has changed:
its names mean something else.

With equal votes all runs make one pool, in which the same layers from several runs are one
candidate with the mean score. With rank-decayed votes every run has a pool and a ranking of its
own.
"""

import re
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from aira_dsl.architecture import Architecture
from aira_dsl.errors import InputError
from aira_dsl.scaling.aggregate import (
    Candidate,
    Layers,
    Slot,
    aggregate,
    all_of,
    top,
    top_cluster,
    votes,
)
from aira_dsl.study.run import Run
from aira_dsl.study.trials import Trial

NAME = "[A-Za-z_][A-Za-z0-9_]{0,63}"


@dataclass(frozen=True)
class Choice:
    """How to aggregate.

    Attributes:
        c: previous positions that must match, at least 0.
        top: size of the pool, the best candidates, at least 1; None: not by number.
        clusters: number of clusters, of which the top one is the pool, at least 1; None: none.
        decay: above 0 and at most 1, of votes by rank within a run; None: equal votes.
    """

    c: int = 1
    top: int | None = None
    clusters: int | None = None
    decay: float | None = None

    def pool(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Return those whose votes count."""
        if self.top is not None:
            return top(candidates, self.top)
        if self.clusters is not None:
            return top_cluster(candidates, self.clusters)
        return all_of(candidates)


@dataclass(frozen=True)
class Aggregate:
    """An aggregated architecture with its votes.

    Attributes:
        architecture: the blocks and dimensions of the space, in the order that was voted for.
        slots: how each position was decided.
        candidates: their number.
        voters: number of candidates in the pools.
        known: whether one of the candidates has the same layers.
        broken: constraints of the searches that the architecture does not satisfy.
        choice: how it was aggregated.
        runs: number of searches.
    """

    architecture: Architecture
    slots: tuple[Slot, ...]
    candidates: int
    voters: int
    known: bool
    broken: tuple[str, ...]
    choice: Choice
    runs: int


def aggregate_runs(runs: Sequence[Run], choice: Choice, *, name: str = "aggregated") -> Aggregate:
    """Aggregate the trials of searches of one space with one evaluator.

    Args:
        runs: at least one.
        choice: pool, votes and rule.
        name: of the architecture.

    Raises:
        InputError: E0836, the spaces or the evaluators differ; E0837, a run has no candidate;
            E0838, the architecture cannot have that name.
    """
    if not re.fullmatch(NAME, name):
        raise InputError("E0838", f"{name!r} is not a valid name", help=f"a name reads {NAME}")
    _check_alike(runs)
    by_run = [_candidates(run) for run in runs]
    by_pool = by_run if choice.decay is not None else [_merged(by_run)]
    pools = [choice.pool(candidates) for candidates in by_pool]
    space = runs[0].space
    slots = aggregate(votes(pools, decay=choice.decay), space.names, choice.c)
    layers = tuple(slot.name for slot in slots)
    rules = {str(rule): rule for run in runs for rule in run.space.constraints}
    return Aggregate(
        architecture=space.architecture(layers, name=name),
        slots=tuple(slots),
        candidates=sum(map(len, by_pool)),
        voters=sum(map(len, pools)),
        known=any(each.layers == layers for pool in by_run for each in pool),
        broken=tuple(
            text
            for text, rule in rules.items()
            if not replace(space, constraints=(rule,)).allows(layers)
        ),
        choice=choice,
        runs=len(runs),
    )


def _check_alike(runs: Sequence[Run]) -> None:
    first = _meaning(runs[0])
    for run in runs[1:]:
        other = _meaning(run)
        different = sorted(key for key in first | other if first.get(key) != other.get(key))
        if different:
            raise InputError(
                "E0836",
                f"{run.folder} cannot be aggregated with {runs[0].folder}; different: "
                + ", ".join(different),
                help="aggregate runs of one space with one evaluator",
            )


def _meaning(run: Run) -> dict[str, object]:
    """Return what two runs must share: the blocks and slots, and the meaning of a score."""
    settings = run.settings
    space = {f"space {key}": value for key, value in settings.space.items()}
    evaluator = {
        f"evaluator {key}": value
        for key, value in settings.evaluator.model_dump(mode="json").items()
    }
    left_out = ("space name", "space layers", "space scales")
    kept = {key: value for key, value in (space | evaluator).items() if key not in left_out}
    identity = {
        "evaluator_identity": settings.evaluator_identity,
        "code_version": settings.code_version,
    }
    return kept | identity


def _candidates(run: Run) -> list[Candidate]:
    space, sign = run.space, run.direction.sign
    changed = run.settings.agent is not None and run.settings.agent.free
    found = []
    for row in run.rows:
        score = _score(row)
        if score is None or (
            changed and space.architecture(row.layers).fingerprint != row.fingerprint
        ):
            continue
        confirmed = None if row.confirmed is None else sign * row.confirmed
        found.append(Candidate(row.layers, sign * score, confirmed))
    if not found:
        raise InputError(
            "E0837",
            f"{run.folder} has no trial with a score to aggregate",
            help="continue the search until a trial has a score",
        )
    return _merged([found])


def _score(row: Trial) -> float | None:
    scores = [row.score, *row.repeats.values()]
    known = [score for score in scores if score is not None]
    return fmean(known) if len(known) == len(scores) else None


def _merged(pools: Sequence[Sequence[Candidate]]) -> list[Candidate]:
    """Make one candidate of those with the same layers, with their mean value."""
    alike: dict[Layers, list[Candidate]] = defaultdict(list)
    for candidate in (each for pool in pools for each in pool):
        alike[candidate.layers].append(candidate)
    return [_mean(layers, candidates) for layers, candidates in alike.items()]


def _mean(layers: Layers, candidates: Sequence[Candidate]) -> Candidate:
    confirmed = [each.confirmed for each in candidates if each.confirmed is not None]
    value = fmean(candidate.value for candidate in candidates)
    return Candidate(layers, value, fmean(confirmed) if confirmed else None)
