"""The numbers of a run's page: all that it says, as values that are JSON."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from itertools import accumulate
from typing import Any

from aira_dsl.architecture import cost
from aira_dsl.evaluation.direction import Direction
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.conclusions import of_search
from aira_dsl.report.html.agent_trace import AgentTotals, agent_totals
from aira_dsl.report.html.slots import SlotShares, slot_shares
from aira_dsl.report.html.text import as_sentence, clean
from aira_dsl.report.terminal.ranking import not_different, repeats_of
from aira_dsl.space import Space
from aira_dsl.study.run import Run
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial

SHOWN = 5
"""Architectures that are drawn."""


@dataclass(frozen=True)
class Candidate:
    """One of the best architectures.

    Attributes:
        number: of its trial.
        pattern, layers: its layers, short and in full.
        score: validation score of the search.
        confirmed: mean with other seeds, None without repeats.
        repeats: those scores, by seed.
        test_score: on the split that the search did not see.
        parameters, training_flops: as in the trial table.
        kv_cache_bytes, state_bytes: of decoding; None if its blocks are not the space's.
        tasks: token accuracy by task.
        hypothesis: why an agent proposed it.
    """

    number: int
    pattern: str
    layers: tuple[str, ...]
    score: float
    confirmed: float | None
    repeats: dict[str, float | None]
    test_score: float | None
    parameters: int
    training_flops: int
    kv_cache_bytes: int | None
    state_bytes: int | None
    tasks: dict[str, float]
    hypothesis: str

    @property
    def value(self) -> float:
        """What it is ranked by."""
        return self.score if self.confirmed is None else self.confirmed


@dataclass(frozen=True)
class Facts:
    """What is known of a run.

    Attributes:
        space, slots, arrangements, constraints: what was searched.
        blocks: primitive by block name.
        searcher, preset, objective, direction, seed: how.
        identity, evaluator_identity: of the search and of its evaluator.
        trials: finished ones: the budget that was spent.
        outcomes: how they ended.
        seconds: wall-clock time.
        noise: standard deviation of a score between seeds, if it is known.
        noise_basis: the data it was measured from, in words.
        margin: difference from the best above which one evaluation is significantly different.
        pair_margin: the same for two evaluations with the same seed.
        top: the best architectures, best first.
        undecided: winners that are not significantly different from the best.
        verdict: the conclusions, in sentences.
        running_best: the best score after each finished trial; None before the first.
        slots_by_block: which block stands where, among the best and among all.
        agent: what an agent's proposals came to.
    """

    space: str
    slots: int
    arrangements: int
    constraints: tuple[str, ...]
    blocks: dict[str, str]
    searcher: str
    preset: str
    objective: str
    direction: Direction
    seed: int
    identity: str
    evaluator_identity: str
    trials: int
    outcomes: dict[str, int]
    seconds: float
    noise: float | None
    noise_basis: str
    margin: float | None
    pair_margin: float | None
    top: tuple[Candidate, ...]
    undecided: tuple[int, ...]
    verdict: tuple[str, ...]
    running_best: tuple[float | None, ...]
    slots_by_block: SlotShares | None
    agent: AgentTotals | None


def facts(run: Run) -> Facts:
    """Read off a run what its page says."""
    space, settings = run.space, run.settings
    done = finished(run)
    order = rank(done, run.direction)
    noise = run.noise
    close = not_different(order, noise) if order and noise else []
    outcomes = dict(Counter(clean(row.status or row.state.lower()) for row in done))
    return Facts(
        space=clean(space.definition.name),
        slots=space.slots,
        arrangements=space.count,
        constraints=settings.constraints,
        blocks={name: block.kind for name, block in space.definition.blocks.items()},
        searcher=settings.searcher,
        preset=settings.evaluator.preset,
        objective=settings.evaluator.objective,
        direction=run.direction,
        seed=settings.seed,
        identity=settings.identity,
        evaluator_identity=settings.evaluator_identity,
        trials=len(done),
        outcomes=outcomes,
        seconds=run.seconds,
        noise=noise.value if noise else None,
        noise_basis=noise.basis if noise else "",
        margin=noise.single_margin(repeats_of(order[0])) if order and noise else None,
        pair_margin=noise.paired_margin(1) if noise else None,
        top=tuple(_candidate(row, space) for row in order[:SHOWN]),
        undecided=tuple(row.number for row in close),
        verdict=tuple(as_sentence(each) for each in of_search(order, noise, outcomes)),
        running_best=running_best(done, run.direction),
        slots_by_block=slot_shares(order, space.names),
        agent=agent_totals(done),
    )


def facts_json(run: Run) -> dict[str, Any]:
    """Return the facts for scripts; keys are stable."""
    return asdict(facts(run))


def running_best(rows: Sequence[Trial], direction: Direction) -> tuple[float | None, ...]:
    """Return the best score after each trial."""

    def best_of(a: float | None, b: float | None) -> float | None:
        return direction.best(value for value in (a, b) if value is not None)

    return tuple(accumulate((row.score for row in rows), best_of))


def _candidate(row: Trial, space: Space) -> Candidate:
    assert row.score is not None
    own = set(row.layers) <= set(space.names) and len(row.layers) == space.slots
    costs = cost(space.architecture(row.layers)) if own else None
    return Candidate(
        number=row.number,
        pattern=clean(row.pattern),
        layers=tuple(map(clean, row.layers)),
        score=row.score,
        confirmed=row.confirmed,
        repeats=row.repeats,
        test_score=row.test_score,
        parameters=row.parameters,
        training_flops=row.training_flops,
        kv_cache_bytes=costs.kv_cache_bytes if costs else None,
        state_bytes=costs.state_bytes if costs else None,
        tasks=row.tasks,
        hypothesis=clean(row.hypothesis).strip(),
    )
