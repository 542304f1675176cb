"""What the runs of a grid came to: their folders read, and the tables that are made of them."""

import csv
import io
import json
import math
from collections.abc import Mapping, Sequence
from pathlib import Path

from pydantic import ValidationError

from aira_dsl.errors import InputError
from aira_dsl.pretraining.result import TrainResult
from aira_dsl.pretraining.settings import differences, identity
from aira_dsl.scaling.grid.folder import RUNS, RUNS_TABLE
from aira_dsl.scaling.grid.latency import Latencies, read_latency
from aira_dsl.scaling.grid.plan import Plan, PlannedRun, settings_of
from aira_dsl.scaling.grid.tuning import Losses, added_runs, best_try, chosen_runs, rate_of
from aira_dsl.utils.files import write_atomically

Results = Mapping[str, TrainResult]
"""Results of finished runs by their names."""

RUNS_COLUMNS = (
    "id", "design", "params", "tokens", "flops", "budget", "loss", "seed", "seconds", "outlier",
    "dataset",
)  # fmt: skip
TUNING_COLUMNS = ("design", "size", "budget", "learning_rate", "loss", "chosen")


def read_results(plan: Plan, folder: Path) -> dict[str, TrainResult]:
    """Read the results of all runs that are done.

    Rates are checked in the order in which they are chosen, so that a run whose rate is tuned is
    compared with the rate that its tries give.

    Raises:
        InputError: E1607, a result is damaged; E1609, a run of this name has other settings.
    """
    found: dict[str, TrainResult] = {}
    waiting = list(plan.runs)
    while waiting:
        before = len(found)
        known = losses_of(found)
        for run in (*waiting, *added_runs(plan, known)):
            if run.id in found or (rate := rate_of(plan, known, run)) is None:
                continue
            result = read_result(plan, folder, run, rate)
            if result is not None:
                found[run.id] = result
        if len(found) == before:
            break
    return found


def read_result(
    plan: Plan, folder: Path, run: PlannedRun, learning_rate: float
) -> TrainResult | None:
    """Return the result of a run; None if it is not done.

    Raises:
        InputError: as for `read_results`.
    """
    place = folder / RUNS / run.id
    path = place / "result.json"
    try:
        result = TrainResult.model_validate_json(path.read_bytes())
        path = place / "settings.json"
        settings = json.loads(path.read_bytes())
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, ValidationError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is damaged"
        help_text = f"remove the folder {place}; the run is then trained again"
        raise InputError("E1607", f"{path} cannot be read: {reason}", help=help_text) from None
    wanted = identity(settings_of(plan, run, learning_rate), plan.corpus.identity)
    if wanted["precision"] == "auto":
        wanted["precision"] = settings.get("precision")
    if other := differences(settings, wanted):
        raise InputError(
            "E1609",
            f"{place} holds a run with other settings; different: {'; '.join(other)}",
            help="plan into another folder with --out, or remove that folder",
        )
    return None if result.status == "stopped" else result


def losses_of(results: Results) -> Losses:
    """Return the validation losses; infinite for runs that diverged."""
    return {
        name: math.inf if result.validation_loss is None else result.validation_loss
        for name, result in results.items()
    }


def runs_table(plan: Plan, results: Results, latencies: Latencies) -> str:
    """Return the runs that a fit uses as CSV; runs that diverged are marked as outliers.

    Args:
        plan: the plan.
        results: its results.
        latencies: seconds of a decoded token; the table has them if they are those of all models.
    """
    rows: list[tuple[object, ...]] = []
    known = all((model.design, model.size) in latencies for model in plan.models)
    for run in chosen_runs(plan, losses_of(results)):
        result = results[run.id]
        loss = result.validation_loss
        rows.append(
            (
                run.id, run.design, result.parameters, result.tokens, result.flops, run.budget,
                "nan" if loss is None else repr(loss), run.seed, f"{result.seconds:.1f}",
                "true" if loss is None else "false", plan.corpus.identity[:16],
                *([repr(latencies[run.model])] if known else []),
            )
        )  # fmt: skip
    return _csv((*RUNS_COLUMNS, "latency") if known else RUNS_COLUMNS, rows)


def write_runs(plan: Plan, folder: Path, results: Results) -> None:
    """Write runs.csv.

    Raises:
        InputError: E1607, the latencies of the folder are damaged.
    """
    found = read_latency(folder)
    table = runs_table(plan, results, found.of(plan) if found is not None else {})
    write_atomically(folder / RUNS_TABLE, table)


def tuning_table(plan: Plan, results: Results) -> str:
    """Return every rate that was tried as CSV."""
    losses = losses_of(results)
    tries = [run for run in plan.runs if run.learning_rate is not None]
    rows = []
    for run in sorted(
        [*tries, *added_runs(plan, losses)],
        key=lambda run: (run.design, run.size, run.learning_rate or 0.0),
    ):
        if run.id in losses:
            best = best_try(plan, losses, run.design, run.size)
            loss = losses[run.id]
            rows.append(
                (
                    run.design, run.size, run.budget, f"{run.learning_rate:g}",
                    "nan" if math.isinf(loss) else repr(loss),
                    "true" if best is not None and best.id == run.id else "false",
                )
            )  # fmt: skip
    return _csv(TUNING_COLUMNS, rows)


def _csv(header: tuple[str, ...], rows: Sequence[tuple[object, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text, lineterminator="\n").writerows([header, *rows])
    return text.getvalue()
