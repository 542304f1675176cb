"""Samplers against the true optimum: hundreds of searches in a table.

Each search sees one score per evaluation, with the noise of one evaluation: a column of the table,
drawn at random every time. The regret after an evaluation is the largest mean score over the
columns minus the mean score of the arrangement with the best score seen so far.
"""

import random
from collections.abc import Callable, Sequence
from contextlib import closing
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from optuna.trial import FrozenTrial, TrialState, create_trial

from aira_dsl.errors import InputError
from aira_dsl.evaluation.table import Table, read_table
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, ShouldContinue, run_all
from aira_dsl.study.arrangements import distributions
from aira_dsl.study.samplers.families import SamplerName
from aira_dsl.study.samplers.sampler_source import propose
from aira_dsl.utils.machine import available_cores
from aira_dsl.utils.statistics import mean_intervals

Floats = NDArray[np.float64]


@dataclass(frozen=True)
class SamplerBenchmark:
    """The result of many searches.

    Attributes:
        budget: evaluations of each search.
        seeds: searches of each sampler.
        best: the largest mean score in the table.
        spread: standard deviation of the mean scores over the table.
        regret_SB: by sampler, for every search (S) after every evaluation (B).
    """

    budget: int
    seeds: int
    best: float
    spread: float
    regret_SB: dict[SamplerName, Floats]

    def mean(self, sampler: SamplerName, evaluations: int) -> tuple[float, float, float]:
        """Return the mean regret after so many evaluations with its 95 % interval."""
        mean_B, low_B, high_B = self._intervals[sampler]
        place = evaluations - 1
        return float(mean_B[place]), float(low_B[place]), float(high_B[place])

    @cached_property
    def _intervals(self) -> dict[SamplerName, tuple[Floats, Floats, Floats]]:
        """Mean regrets with their intervals after every evaluation, by sampler."""
        return {sampler: mean_intervals(regret) for sampler, regret in self.regret_SB.items()}

    def found(self, sampler: SamplerName) -> float:
        """Return the fraction of searches that ended at the true best."""
        return float((self.regret_SB[sampler][:, -1] <= 0).mean())


def benchmark_samplers(
    path: str | Path,
    *,
    samplers: Sequence[SamplerName],
    seeds: int,
    budget: int,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
) -> SamplerBenchmark:
    """Run every sampler with every seed.

    Args:
        path: the table's file; each process reads it once.
        samplers: to be compared.
        seeds: searches of each sampler.
        budget: evaluations of each search.
        on_progress: called with the number of searches done and of all.

    Raises:
        InputError: E0643, if the table lacks arrangements.
        AiraError: if the table cannot be used.
    """
    table = read_table(path)
    if not table.is_complete:
        raise InputError(
            "E0643",
            f"samplers need every arrangement; of {table.definition.name} there are {table.extent}",
            help="continue with `aira-dsl table make`; a part can be searched with "
            "`search --evaluator table --where …`",
        )
    means_A = _signed_means(table)
    searches = [
        {"table": str(path), "sampler": sampler, "seed": seed, "budget": budget}
        for sampler in samplers
        for seed in range(seeds)
    ]
    results = dict[int, list[float]]()
    with closing(LocalPool(available_cores())) as pool:
        for outcome in run_all([Job(f"{__name__}:regret", search) for search in searches], pool):
            results[outcome.tag] = outcome.result("E0603", "a benchmark process")
            on_progress(len(results), len(searches))
    return SamplerBenchmark(
        budget=budget,
        seeds=seeds,
        best=float(means_A.max()),
        spread=float(means_A.std()),
        regret_SB={
            sampler: np.array([results[place * seeds + seed] for seed in range(seeds)])
            for place, sampler in enumerate(samplers)
        },
    )


def search_table(table: Table, sampler: SamplerName, *, seed: int, budget: int) -> list[int]:
    """Search a table; return the row of the best score seen so far, after every evaluation."""
    scores_AS, rng = table.scores_AS, random.Random(f"noise {seed}")
    rows = {layers: row for row, layers in enumerate(table.arrangements)}
    space, slots = table.space, distributions(table.space)
    trials: list[FrozenTrial] = []
    seen: list[tuple[float, int, int]] = []
    held: list[int] = []
    sign = table.evaluator.direction.sign
    for number in range(min(budget, len(rows))):
        proposal = propose(space, sampler, trials, direction=table.evaluator.direction, seed=seed)
        assert proposal is not None, "there are arrangements left"
        row = rows[proposal.layers]
        score = float(scores_AS[row, rng.randrange(table.seeds_A[row])])
        trial = create_trial(
            state=TrialState.COMPLETE,
            value=score,
            params=dict(zip(slots, proposal.layers, strict=True)),
            distributions=slots,
            user_attrs={"fingerprint": space.architecture(proposal.layers).fingerprint},
            system_attrs=proposal.system_attrs,
        )
        trial.number = number
        trials.append(trial)
        seen.append((sign * score, -number, row))
        held.append(max(seen)[2])
    return held


@cache
def _table(path: str) -> Table:
    return read_table(path)


def _signed_means(table: Table) -> Floats:
    """Return mean scores, negated where lower is better."""
    return table.evaluator.direction.sign * table.means_A


def regret(search: dict[str, Any], should_continue: ShouldContinue) -> list[float]:
    """Return the regret of one search after every evaluation; a worker function of a pool.

    Args:
        search: `table` (the path of its file), `sampler`, `seed`, `budget`.
        should_continue: not asked.
    """
    table = _table(search["table"])
    means_A = _signed_means(table)
    held = search_table(table, search["sampler"], seed=search["seed"], budget=search["budget"])
    regret_B: list[float] = (means_A.max() - means_A[held]).tolist()
    return regret_B
