"""Final scores: the best architecture of every run, trained again and scored on the test split.

All runs get the same seeds, and no search uses these for its own evaluations: no method is scored
with the seed that selected its winner.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from aira_dsl.architecture import Architecture
from aira_dsl.errors import AiraError, InputError
from aira_dsl.evaluation.batch import evaluate_many
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.evaluation.evaluator import ArchitectureRequest, Evaluator
from aira_dsl.evaluation.pool import EvaluationPool
from aira_dsl.evaluation.presets import TIME_LIMITS
from aira_dsl.evaluation.table import load_table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.language import load
from aira_dsl.study.run import Run

FIRST_TEST_SEED = 1_000_000
_TABLE = "table "  # prefix of the code version of a run that used a table

Found = dict[tuple[str, int], float | None]
"""Test scores by fingerprint and seed."""


def evaluator_of(run: Run, table: str | Path | None) -> Evaluator:
    """Return the evaluator of a run.

    Args:
        run: a search.
        table: the table's file, if the evaluator is a table; None for the one that ships.

    Raises:
        InputError: E0824, if the run used another table.
        AiraError: E064x, if the table cannot be used.
    """
    version = run.settings.code_version
    if not version.startswith(_TABLE):
        return Evaluator(run.settings.evaluator)
    evaluator = TableEvaluator(load_table() if table is None else read_table(table))
    if evaluator.identity != version.removeprefix(_TABLE):
        raise InputError(
            "E0824",
            f"{run.folder} used another table: {version.removeprefix(_TABLE)}, "
            f"not {evaluator.identity}",
            help="name the table of these searches with --table",
        )
    return evaluator


def test_seeds(evaluator: Evaluator, repeats: int) -> tuple[int, ...]:
    """Return the seeds of the final scores; for a table its columns."""
    if isinstance(evaluator, TableEvaluator):
        return tuple(range(int(evaluator.table.seeds_A.min())))
    return tuple(FIRST_TEST_SEED + place for place in range(repeats + 1))


def best_known(evaluator: Evaluator, run: Run) -> float | None:
    """Return the best mean score in the space of a run; None without a table."""
    if not isinstance(evaluator, TableEvaluator):
        return None
    space, table = run.space, evaluator.table
    means = zip(table.arrangements, table.means_A.tolist(), strict=True)
    return run.direction.best(mean for layers, mean in means if space.allows(layers))


def final_scores(  # noqa: PLR0913 — options by name
    runs: Sequence[Run],
    evaluator: Evaluator,
    seeds: Sequence[int],
    *,
    workers: int | None,
    ray: str | None = None,
    on_result: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Score the best architecture of every run; stored results are not computed again.

    Args:
        runs: searches; several may have the same best architecture.
        evaluator: with its store.
        seeds: of each training.
        workers: evaluation processes; None for one a core, or for as many as a cluster holds.
        ray: address of a Ray cluster that evaluates; None for this machine.
        on_result: called with the number of scores so far, and of all.

    Raises:
        InputError: E0811, if a run folder lacks its best architecture.
        AiraError: for unusable data or stores.
    """
    architectures = {a.fingerprint: a for a in map(best_architecture, runs) if a is not None}
    requests = [
        ArchitectureRequest(evaluator, architecture, seed, "test")
        for architecture in architectures.values()
        for seed in seeds
    ]
    found: Found = {}
    pool = EvaluationPool(
        workers=min(PoolChoice(workers, ray).places(), len(requests)),
        ray=ray,
        time_limit=TIME_LIMITS[cast(PresetName, evaluator.settings.preset)],
    )
    with closing(pool):
        for result in evaluate_many(requests, pool):
            evaluation = result.evaluation
            found[evaluation.fingerprint, evaluation.seed] = evaluation.score
            on_result(len(found), len(requests))
    return found


def best_architecture(run: Run) -> Architecture | None:
    """Return the best architecture of a run; None if no trial has a score.

    Raises:
        InputError: E0811, if the run folder lacks it.
    """
    best = run.best
    if best is None:
        return None
    for architecture in _candidates(run, best.layers):
        if architecture.fingerprint == best.fingerprint:
            return architecture
    raise InputError(
        "E0811",
        f"{run.folder} is not a valid run folder: it lacks the text of trial {best.number}",
        help="run the search again to write its files again",
    )


def _candidates(run: Run, layers: Sequence[str]) -> Iterable[Architecture]:
    """Yield candidates for the best: of the space's blocks, and those that the run wrote."""
    yield run.space.architecture(layers)
    for file in sorted(run.folder.glob("best*.arch")):
        try:
            yield load(file)
        except AiraError:  # not this file; the caller reports what is missing
            continue
