"""The progress of a grid, a line for each run, and what it came to."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any, TextIO

from aira_dsl.pretraining.result import TrainResult
from aira_dsl.scaling.grid.folder import RUNS_TABLE
from aira_dsl.scaling.grid.needs import is_on_gpu, threads_of
from aira_dsl.scaling.grid.plan import Plan
from aira_dsl.scaling.grid.results import losses_of
from aira_dsl.scaling.grid.run import Finished
from aira_dsl.scaling.grid.speed import speed_of
from aira_dsl.scaling.grid.tuning import added_runs, next_run
from aira_dsl.utils.formatting import duration, plural
from aira_dsl.utils.machine import Device


class RunLines:
    """Prints which run begins, and a line for each that ends, with an estimate of the time left.

    Args:
        plan: the plan, with its device.
        workers: runs at a time.
        out: where lines go.
    """

    def __init__(self, plan: Plan, workers: int, out: TextIO) -> None:
        self._plan = plan
        self._workers = workers
        self._out = out

    def begin(self, results: Mapping[str, TrainResult]) -> None:
        """Print the first run that is trained; nothing if all are done.

        Args:
            results: of the runs that are done.
        """
        losses = losses_of(results)
        first = next_run(self._plan, losses, ())
        if first is not None:
            total = len(self._plan.runs) + len(added_runs(self._plan, losses))
            place = "a GPU" if is_on_gpu(self._plan) else "the CPU"
            at_once = f"{plural(self._workers, 'run')} at a time on {place}"
            left = self._time_left(results)
            print(
                f"[{len(results)}/{total}] begins with {first.run.id}, {at_once}{left}",
                file=self._out,
                flush=True,
            )

    def finished(self, ended: Finished) -> None:
        """Print the line of a run."""
        if ended.failure is not None:
            what = f"failed: {ended.failure.message}"
        else:
            assert ended.result is not None  # it did not fail
            loss = ended.result.validation_loss
            said = f"loss {loss:.4f}" if loss is not None else "diverged"
            what = f"{said}, {duration(ended.result.seconds)}"
        place, left = f"[{len(ended.results)}/{ended.total}]", self._time_left(ended.results)
        print(f"{place} {ended.run.id}: {what}{left}", file=self._out, flush=True)

    def _time_left(self, results: Mapping[str, TrainResult]) -> str:
        """Return how long the other runs take; nothing before one was trained on this device."""
        threads = threads_of(self._plan)
        device: Device = "cuda" if is_on_gpu(self._plan) else "cpu"
        speed = speed_of(self._plan, results, threads, device)
        if not speed.measured:
            return ""
        left = [run for run in self._plan.runs if run.id not in results]
        seconds = sum(speed.core_seconds(self._plan, run) for run in left)
        return f"; about {duration(seconds / (threads * self._workers))} left"


def grid_json(plan: Plan, results: Mapping[str, TrainResult]) -> dict[str, Any]:
    """Return what a grid came to, for scripts."""
    diverged = [name for name, each in results.items() if each.status == "diverged"]
    return {
        "name": plan.grid.name,
        "runs": len(results),
        "flops": sum(each.flops for each in results.values()),
        "tokens": sum(each.tokens for each in results.values()),
        "seconds": sum(each.seconds for each in results.values()),
        "diverged": diverged,
    }


def grid_text(plan: Plan, results: Mapping[str, TrainResult], folder: Path) -> str:
    """Return what a grid came to, for people."""
    found = grid_json(plan, results)
    lines = [
        f"{plan.grid.name}: {plural(found['runs'], 'run')}, {found['flops']:.3g} FLOPs, "
        f"{duration(found['seconds'])} of training",
    ]
    if found["diverged"]:
        lines.append(f"diverged, marked as outliers: {', '.join(found['diverged'])}")
    lines += [
        f"{folder / RUNS_TABLE}: written",
        f"next: aira-dsl isoflop fit {folder / RUNS_TABLE}",
        f"      aira-dsl isoflop report {folder}",
    ]
    return "\n".join(lines) + "\n"
