"""Final scores: what every run names the best, trained anew and scored on the test split.

All with the same seeds, which no search uses for its own evaluations, so that nobody is judged by
the draw he was chosen for.
"""

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from pathlib import Path
from typing import cast

from aira_dsl.architecture import Architecture
from aira_dsl.errors import AiraError, InputError
from aira_dsl.evaluation.batch import evaluate_many
from aira_dsl.evaluation.evaluator import Evaluator
from aira_dsl.evaluation.pool import EvaluationPool, EvaluationRequest
from aira_dsl.evaluation.presets import TIME_LIMITS, PresetName
from aira_dsl.evaluation.table import load_table, read_table
from aira_dsl.evaluation.table_evaluator import TableEvaluator
from aira_dsl.language import load
from aira_dsl.study.run import Run

FIRST_TEST_SEED = 1_000_000
MEMORY_LIMIT = 4 << 30
_TABLE = "table "  # how the code version of a run begins that was judged by a table

Found = dict[tuple[str, int], float | None]
"""Test scores by fingerprint and seed."""


def judge_of(run: Run, table: str | Path | None) -> Evaluator:
    """Return the evaluator that judged a run.

    Args:
        run: a search.
        table: the table's file, if one judged; None for the one that ships.

    Raises:
        InputError: E0824, if it was judged by another table.
        AiraError: E064x, if the table can not be used.
    """
    judged_by = run.settings.code_version
    if not judged_by.startswith(_TABLE):
        return Evaluator(run.settings.evaluator)
    judge = TableEvaluator(load_table() if table is None else read_table(table))
    if judge.identity != judged_by.removeprefix(_TABLE):
        raise InputError(
            "E0824",
            f"{run.folder} was judged by another table: {judged_by.removeprefix(_TABLE)}, "
            f"not {judge.identity}",
            help="name the table of these searches with --table",
        )
    return judge


def test_seeds(judge: Evaluator, repeats: int) -> tuple[int, ...]:
    """Return the seeds of the final scores; a table has no more than its columns."""
    if isinstance(judge, TableEvaluator):
        return tuple(range(int(judge.table.seeds_A.min())))
    return tuple(FIRST_TEST_SEED + place for place in range(repeats + 1))


def best_known(judge: Evaluator, run: Run) -> float | None:
    """Return the best score that a run of this space could have ended with, if a table tells."""
    if not isinstance(judge, TableEvaluator):
        return None
    space, table = run.space, judge.table
    means = zip(table.arrangements, table.means_A.tolist(), strict=True)
    return run.direction.best(mean for layers, mean in means if space.allows(layers))


def final_scores(
    runs: Sequence[Run],
    judge: Evaluator,
    seeds: Sequence[int],
    *,
    workers: int,
    on_result: Callable[[int, int], None] = lambda done, total: None,
) -> Found:
    """Score what the runs name the best; what the store has is not computed again.

    Args:
        runs: which; several may name the same.
        judge: with its store.
        seeds: of each training.
        workers: evaluation processes.
        on_result: called with the number of scores there are, and of all.

    Raises:
        InputError: E0811, if a run folder lacks the architecture that its table names the best.
        AiraError: for unusable data or stores.
    """
    architectures = {a.fingerprint: a for a in map(best_architecture, runs) if a is not None}
    requests = [
        EvaluationRequest(judge, architecture, seed, "test")
        for architecture in architectures.values()
        for seed in seeds
    ]
    found: Found = {}
    pool = EvaluationPool(
        workers=min(workers, len(requests)),
        time_limit=TIME_LIMITS[cast(PresetName, judge.settings.preset)],
        memory_limit=MEMORY_LIMIT,
    )
    with closing(pool):
        for result in evaluate_many(requests, pool):
            evaluation = result.evaluation
            found[evaluation.fingerprint, evaluation.seed] = evaluation.score
            on_result(len(found), len(requests))
    return found


def best_architecture(run: Run) -> Architecture | None:
    """Return what a run names the best; None if it named nothing.

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
        f"{run.folder} is no run folder that can be used: it lacks the text of trial {best.number}",
        help="running the search again writes its files anew",
    )


def _candidates(run: Run, layers: Sequence[str]) -> Iterable[Architecture]:
    """Yield what the best may be: of the space's blocks, or one that the run wrote down."""
    yield run.space.architecture(layers)
    for file in sorted(run.folder.glob("best*.arch")):
        try:
            yield load(file)
        except AiraError:  # then it is not this one, and the caller says what is missing
            continue
