"""How long a grid takes here: by a measured speed of each model, or by a common one."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from aira_dsl.evaluation.latency.gpus import Gpu
from aira_dsl.pretraining.result import TrainResult
from aira_dsl.scaling.grid.plan import Plan, PlannedRun
from aira_dsl.utils.machine import Device

CORE_FLOPS = 1e11
"""Training FLOPs a second of one core: 27,000 tokens/s of a hybrid with 7.5 MFLOP a token on two
cores. Small models are slower."""

UTILISATION = 0.4
"""Share of the peak of a GPU: what models of a billion parameters reach. Small ones reach less."""


@dataclass(frozen=True)
class Speed:
    """Core-seconds of a token, by design and size; empty for the common speed."""

    measured: Mapping[tuple[str, int], float]

    def core_seconds(self, plan: Plan, run: PlannedRun) -> float:
        """Return the core-seconds of a run.

        A size that was not measured has the FLOPs per core-second of the nearest measured size of
        its design.
        """
        sizes = [size for design, size in self.measured if design == run.design]
        if not sizes:
            return run.flops / CORE_FLOPS
        near = min(sizes, key=lambda size: max(size / run.size, run.size / size))
        flops_per_second = (
            plan.by_key[run.design, near].flops_per_token / self.measured[run.design, near]
        )
        return run.flops / flops_per_second


def speed_of(
    plan: Plan, results: Mapping[str, TrainResult], threads: int, device: Device = "cpu"
) -> Speed:
    """Return the speed of the models of finished runs.

    Args:
        plan: the plan.
        results: results by names of runs.
        threads: threads of a training.
        device: where runs are to be trained; runs of another device tell nothing of its speed.
    """
    runs = [run for run in plan.runs if run.id in results]
    return Speed(
        {
            run.model: threads * results[run.id].seconds / results[run.id].tokens
            for run in runs
            if results[run.id].tokens and results[run.id].device == device
        }
    )


def total_core_hours(plan: Plan, runs: Sequence[PlannedRun], speed: Speed) -> float:
    """Return the core-hours of some runs."""
    return sum(speed.core_seconds(plan, run) for run in runs) / 3600


def gpu_hours(plan: Plan, gpu: Gpu) -> float:
    """Return the hours of all runs on a GPU at `UTILISATION` of its peak in bf16."""
    return sum(run.flops for run in plan.runs) / (UTILISATION * gpu.bf16) / 3600
