"""Time the implementations one after another and report tokens per second."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Mapping
from contextlib import closing
from dataclasses import dataclass, field
from typing import Any

import torch

from aira_dsl.architecture import Architecture, cost
from aira_dsl.experiments.speed.implementations import BATCH, LENGTH, VOCAB, Who
from aira_dsl.experiments.speed.worker import MATMUL, PRODUCT
from aira_dsl.jobs.local import LocalPool
from aira_dsl.jobs.pool import Job, Needs, run_all
from aira_dsl.models.accelerate import Precision, choose_precision, has_quick_bf16, missing_kernels
from aira_dsl.models.precision import describe_processor
from aira_dsl.utils.extras import install_command
from aira_dsl.utils.machine import available_cores

SECONDS = 3.0


@dataclass(frozen=True)
class Setup:
    """One way of training: implementation, precision, processes, and threads of each process."""

    who: Who
    precision: Precision
    processes: int
    threads: int

    @property
    def name(self) -> str:
        """Its name in tables, such as `aira-dsl bf16 2×1`."""
        return f"{self.who} {self.precision} {self.processes}×{self.threads}"


@dataclass
class Speed:
    """How fast one arrangement trains.

    Attributes:
        arrangement: its name.
        pattern: its layers.
        flops: training FLOPs per token, by Megatron's convention (causal half, head included).
        tokens: tokens per second of all processes together, by setup.
        peak_bytes: peak memory of one process of aira-dsl.
    """

    arrangement: str
    pattern: str
    flops: int
    tokens: dict[Setup, float] = field(default_factory=dict)
    peak_bytes: int = 0

    def best(self, who: Who) -> float | None:
        """Return the most tokens per second of any setup of an implementation."""
        return max((rate for setup, rate in self.tokens.items() if setup.who == who), default=None)

    def ratio(self, who: Who) -> float | None:
        """Return the best speed of aira-dsl divided by the best of another implementation."""
        ours, theirs = self.best("aira-dsl"), self.best(who)
        return ours / theirs if ours and theirs else None


@dataclass
class Report:
    """The result of `bench`.

    Attributes:
        machine: processor, cores, versions.
        peaks: FLOP/s of a large matrix product with every core busy, by precision.
        speeds: one entry an arrangement.
        notes: reasons why something is missing.
    """

    machine: dict[str, Any]
    peaks: dict[Precision, float]
    speeds: list[Speed]
    notes: list[str]

    def utilisation(self, speed: Speed) -> float:
        """Return the model FLOP/s of the fastest setup as a fraction of the peak."""
        setup = max((s for s in speed.tokens if s.who == "aira-dsl"), key=speed.tokens.__getitem__)
        return speed.tokens[setup] * speed.flops / self.peaks[setup.precision]


def setups(*, peers: bool) -> list[Setup]:
    """List the setups to compare on this machine; `peers` adds those of NemotronH."""
    cores = available_cores()
    spread = [(1, cores)] if cores == 1 else [(1, cores), (cores, 1)]
    found: list[Setup] = []
    if peers:
        found.append(Setup("nemotron-h, as it comes", "fp32", 1, cores))
        for processes, threads in spread:
            for precision in _precisions():
                found.append(Setup("nemotron-h", precision, processes, threads))
    for precision in dict.fromkeys(["fp32", choose_precision()]):
        for processes in dict.fromkeys([1, cores]):
            found.append(Setup("aira-dsl", precision, processes, 1))
    return found


def _precisions() -> tuple[Precision, ...]:
    """List the precisions in which the peer is timed."""
    return ("fp32", "bf16") if has_quick_bf16() else ("fp32",)


def bench(
    arrangements: Mapping[str, Architecture],
    *,
    seconds: float = SECONDS,
    rounds: int = 1,
    on_progress: Callable[[str], None] = lambda text: None,
) -> Report:
    """Measure every arrangement with every setup.

    Args:
        arrangements: by name; of the default space's blocks.
        seconds: how long one setup trains each time.
        rounds: number of repetitions; the median counts.
        on_progress: called with the name of what is measured next.

    Raises:
        RunError: E0602 or E0603, if a process does not start or fails.
    """
    notes = [f"plain PyTorch: {reason}"] if (reason := missing_kernels()) else []
    peers = _has_transformers()
    if not peers:
        notes.append(f"no peer: transformers is not installed ({install_command('hf')})")
    with closing(_Workers()) as workers:
        peaks = {
            precision: 2 * PRODUCT**3 * workers.products_per_second(precision)
            for precision in dict.fromkeys([*_precisions(), choose_precision()])
        }
        speeds = []
        for name, architecture in arrangements.items():
            flops = cost(
                architecture.replace(vocab=VOCAB), context=LENGTH, convention="megatron"
            ).training_flops
            speed = Speed(name, architecture.pattern, flops)
            found: dict[Setup, list[float]] = {setup: [] for setup in setups(peers=peers)}
            for _ in range(rounds):
                for setup, rates in found.items():
                    on_progress(f"{name}: {setup.name}")
                    rate, peak = workers.train(setup, architecture, seconds)
                    rates.append(rate * BATCH * LENGTH)
                    if setup.who == "aira-dsl":
                        speed.peak_bytes = max(speed.peak_bytes, peak)
            speed.tokens = {setup: statistics.median(rates) for setup, rates in found.items()}
            speeds.append(speed)
    return Report(_machine(), peaks, speeds, notes)


class _Workers:
    """Pools of processes that train, by implementation and threads."""

    def __init__(self) -> None:
        self._pools: dict[tuple[bool, int], LocalPool] = {}

    def products_per_second(self, precision: Precision) -> float:
        """Return matrix products per second of all cores, one process a core."""
        setup = Setup("aira-dsl", precision, available_cores(), 1)
        results = self._measure(setup, {"work": MATMUL}, seconds=1.0)
        return sum(result["steps_per_second"] for result in results)

    def train(self, setup: Setup, architecture: Architecture, seconds: float) -> tuple[float, int]:
        """Return steps per second of all processes, and the peak memory of one in bytes."""
        work = {"work": setup.who, "architecture": architecture.model_dump(mode="json")}
        results = self._measure(setup, work, seconds=seconds)
        rate = sum(result["steps_per_second"] for result in results)
        return rate, max(int(result["peak_bytes"]) for result in results)

    def close(self) -> None:
        """End all processes."""
        for pool in self._pools.values():
            pool.close()

    def _measure(
        self, setup: Setup, work: dict[str, Any], *, seconds: float
    ) -> list[dict[str, float]]:
        """Prepare the work in every process, then time it in all of them at the same time."""
        work = {**work, "precision": setup.precision, "threads": setup.threads}
        self._run(setup, {"work": json.dumps(work), "seconds": None})
        return self._run(setup, {"work": json.dumps(work), "seconds": seconds})

    def _run(self, setup: Setup, payload: dict[str, Any]) -> list[dict[str, float]]:
        """Run one job in every process of a setup."""
        job = Job("aira_dsl.experiments.speed.worker:measure", payload, Needs(cpus=setup.threads))
        outcomes = run_all([job] * setup.processes, self._pool(setup))
        return [outcome.result("E0603", "a benchmark process") for outcome in outcomes]

    def _pool(self, setup: Setup) -> LocalPool:
        # A process of the engine never sees transformers' memory, nor the other way round.
        key = (setup.who == "aira-dsl", setup.threads)
        if key not in self._pools:
            self._pools[key] = LocalPool(available_cores())
        return self._pools[key]


def _has_transformers() -> bool:
    from importlib.util import find_spec

    return find_spec("transformers") is not None


def _machine() -> dict[str, Any]:
    return {
        **describe_processor(),
        "cores": available_cores(),
        "threads_of_the_machine": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
