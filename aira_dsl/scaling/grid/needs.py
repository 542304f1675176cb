"""Where the runs of a grid are trained, and what each of them needs of a machine."""

from aira_dsl.jobs.choice import PoolChoice
from aira_dsl.jobs.pool import Needs
from aira_dsl.pretraining.memory import memory_of
from aira_dsl.pretraining.settings import TrainPlan
from aira_dsl.scaling.grid.plan import Plan, settings_of
from aira_dsl.utils.machine import Device, DeviceChoice

GRACE = 60.0
"""Seconds that an interrupted training has for its checkpoint."""


def with_device(plan: Plan, choice: PoolChoice) -> Plan:
    """Return the plan with the device of its runs: `auto` is a GPU if there is one.

    Args:
        plan: its settings of `train` may name a device.
        choice: where runs are trained: this machine, or a cluster of which one node with a GPU
            suffices.

    Raises:
        UsageError: E0632, a GPU is asked for and this machine has none; E1901, E1902, there is no
            such cluster.
    """
    train = {**plan.grid.train, "device": _device(_wanted(plan), choice)}
    return plan.model_copy(update={"grid": plan.grid.model_copy(update={"train": train})})


def threads_of(plan: Plan) -> int:
    """Return the threads of each run."""
    return int(plan.grid.train.get("threads", 1))


def is_on_gpu(plan: Plan) -> bool:
    """Tell whether the runs of a plan with a device are trained on a GPU."""
    return _wanted(plan) == "cuda"


def needs_of(plan: Plan) -> Needs:
    """Return what a run needs; the same for all, so that a process serves one after another."""
    return Needs(
        cpus=threads_of(plan), gpus=int(is_on_gpu(plan)), reserve=_memory(plan), grace=GRACE
    )


def _wanted(plan: Plan) -> DeviceChoice:
    wanted: DeviceChoice = plan.grid.train.get("device", "auto")
    return wanted


def _device(wanted: DeviceChoice, choice: PoolChoice) -> Device:
    if choice.ray is None and wanted != "cpu":
        from aira_dsl.models.precision import choose_device

        return choose_device(wanted)
    if wanted == "auto":
        return "cuda" if choice.has_gpu() else "cpu"
    return wanted


def _memory(plan: Plan) -> int:
    """Return the bytes of the run that needs most."""
    by_batch = sorted(plan.runs, key=lambda run: plan.grid.batch_of(run.budget))
    largest = {run.model: run for run in by_batch}
    settings = [settings_of(plan, run, plan.grid.learning_rates[0]) for run in largest.values()]
    return max(memory_of(each, TrainPlan.of(each)) for each in settings)
