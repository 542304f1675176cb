"""The numbers of a search's page: all that it says, as values that are JSON."""

from dataclasses import dataclass

from aira_dsl.architecture import cost
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.conclusions import of_search
from aira_dsl.report.html.run_facts import RunFacts, Winner, run_facts, winner
from aira_dsl.report.html.slots import SlotShares, slot_shares
from aira_dsl.report.html.text import as_sentence, clean
from aira_dsl.report.terminal.ranking import repeats_of
from aira_dsl.space import Space
from aira_dsl.study.run import Run
from aira_dsl.study.selection import rank
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class Candidate(Winner):
    """One of the best architectures.

    Attributes:
        layers: its layers, in full.
        parameters, training_flops: as in the trial table.
        kv_cache_bytes, state_bytes: of decoding; None if its blocks are not the space's.
        tasks: token accuracy by task.
    """

    layers: tuple[str, ...]
    parameters: int
    training_flops: int
    kv_cache_bytes: int | None
    state_bytes: int | None
    tasks: dict[str, float]


@dataclass(frozen=True)
class SearchFacts(RunFacts[Candidate]):
    """What is known of a search.

    Attributes:
        space, slots, arrangements, constraints: what was searched.
        blocks: primitive by block name.
        preset, objective: of the evaluator.
        evaluator_identity: of the evaluator.
        margin: difference from the best above which one evaluation is significantly different.
        verdict: the conclusions, in sentences.
        slots_by_block: which block stands where, among the best and among all.
    """

    space: str
    slots: int
    arrangements: int
    constraints: tuple[str, ...]
    blocks: dict[str, str]
    preset: str
    objective: str
    evaluator_identity: str
    margin: float | None
    verdict: tuple[str, ...]
    slots_by_block: SlotShares | None


def search_facts(run: Run) -> SearchFacts:
    """Read off a search what its page says."""
    space, settings, noise = run.space, run.settings, run.noise
    order = rank(finished(run), run.direction)
    common = run_facts(run, lambda row: _candidate(row, space))
    return SearchFacts(
        **vars(common),
        space=clean(space.definition.name),
        slots=space.slots,
        arrangements=space.count,
        constraints=settings.constraints,
        blocks={name: block.kind for name, block in space.definition.blocks.items()},
        preset=settings.evaluator.preset,
        objective=settings.evaluator.objective,
        evaluator_identity=settings.evaluator_identity,
        margin=noise.single_margin(repeats_of(order[0])) if order and noise else None,
        verdict=tuple(as_sentence(each) for each in of_search(order, noise, common.outcomes)),
        slots_by_block=slot_shares(order, space.names),
    )


def _candidate(row: Trial, space: Space) -> Candidate:
    own = set(row.layers) <= set(space.names) and len(row.layers) == space.slots
    costs = cost(space.architecture(row.layers)) if own else None
    return Candidate(
        **vars(winner(row)),
        layers=tuple(map(clean, row.layers)),
        parameters=row.parameters,
        training_flops=row.training_flops,
        kv_cache_bytes=costs.kv_cache_bytes if costs else None,
        state_bytes=costs.state_bytes if costs else None,
        tasks=row.tasks,
    )
