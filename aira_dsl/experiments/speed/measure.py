"""Run the contestants side by side and say what came out."""

import json
import os
import platform
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import torch

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import RunError
from aira_dsl.experiments.speed.implementations import BATCH, LENGTH, VOCAB, Who
from aira_dsl.models.accelerate import Precision, choose_precision, has_quick_bf16, missing_kernels
from aira_dsl.utils.machine import available_cores

SECONDS = 3.0


@dataclass(frozen=True)
class Setup:
    """One way of training: who, in which precision, in how many processes of how many threads."""

    who: Who
    precision: Precision
    processes: int
    threads: int

    @property
    def name(self) -> str:
        """As it stands in tables, such as `aira-dsl bf16 2×1`."""
        return f"{self.who} {self.precision} {self.processes}×{self.threads}"


@dataclass
class Speed:
    """How fast one arrangement trains.

    Attributes:
        arrangement: its name.
        pattern: its layers.
        flops: training FLOPs per token, by Megatron's convention (causal half, head included).
        tokens: tokens per second of all processes together, by setup.
        peak_bytes: most memory that one process of the engine has had.
    """

    arrangement: str
    pattern: str
    flops: int
    tokens: dict[Setup, float] = field(default_factory=dict)
    peak_bytes: int = 0

    def best(self, who: Who) -> float | None:
        """Return the most tokens per second of any setup of a contestant."""
        return max((rate for setup, rate in self.tokens.items() if setup.who == who), default=None)

    def ratio(self, who: Who) -> float | None:
        """Return how many times faster the engine is than another contestant at its best."""
        ours, theirs = self.best("aira-dsl"), self.best(who)
        return ours / theirs if ours and theirs else None


@dataclass
class Report:
    """What `bench` measured.

    Attributes:
        machine: processor, cores, versions.
        peaks: FLOP/s of a large matrix product with every core busy, by precision.
        speeds: one entry an arrangement.
        notes: why something is missing.
    """

    machine: dict[str, Any]
    peaks: dict[Precision, float]
    speeds: list[Speed]
    notes: list[str]

    def utilisation(self, speed: Speed) -> float:
        """Return the model FLOPs of the quickest setup, as a share of what products alone reach."""
        setup = max((s for s in speed.tokens if s.who == "aira-dsl"), key=speed.tokens.__getitem__)
        return speed.tokens[setup] * speed.flops / self.peaks[setup.precision]


def setups(*, peers: bool) -> list[Setup]:
    """List the ways of training to compare on this machine, the peer as it comes first."""
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
    """List the precisions worth a peer's time."""
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
        rounds: how often; the median counts.
        on_progress: told what is being measured.

    Raises:
        RunError: E0603, if a process fails.
    """
    notes = [f"plain PyTorch: {reason}"] if (reason := missing_kernels()) else []
    peers = _has_transformers()
    if not peers:
        notes.append("no peer: transformers is not installed (pip install 'aira-dsl[hf]')")
    with _Crew.hired() as crew:
        peaks = {
            precision: 2 * 2048**3 * crew.rate(Setup("aira-dsl", precision, available_cores(), 1))
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
                    rate, peak = crew.train(setup, architecture, seconds)
                    rates.append(rate * BATCH * LENGTH)
                    if setup.who == "aira-dsl":
                        speed.peak_bytes = max(speed.peak_bytes, peak)
            speed.tokens = {setup: statistics.median(rates) for setup, rates in found.items()}
            speeds.append(speed)
    return Report(_machine(), peaks, speeds, notes)


class _Crew:
    """The processes that train, hired when first needed, by who they are and their threads."""

    def __init__(self) -> None:
        self._processes: dict[tuple[bool, int, int], subprocess.Popen[str]] = {}

    @classmethod
    @contextmanager
    def hired(cls) -> "Iterator[_Crew]":
        crew = cls()
        try:
            yield crew
        finally:
            for process in crew._processes.values():
                process.kill()
                process.communicate()  # closes the pipes, too

    def rate(self, setup: Setup) -> float:
        """Return matrix products per second of all processes."""
        rates = self._run(setup, {"work": "matmul", "precision": setup.precision}, 1.0)
        return sum(answer["steps_per_second"] for answer in rates)

    def train(self, setup: Setup, architecture: Architecture, seconds: float) -> tuple[float, int]:
        """Return steps per second of all processes, and the most memory of one."""
        request = {
            "work": setup.who,
            "precision": setup.precision,
            "architecture": architecture.model_dump(mode="json"),
        }
        answers = self._run(setup, request, seconds)
        rate = sum(answer["steps_per_second"] for answer in answers)
        return rate, max(int(answer["peak_bytes"]) for answer in answers)

    def _run(self, setup: Setup, request: dict[str, Any], seconds: float) -> list[dict[str, float]]:
        crew = [self._hire(setup, place) for place in range(setup.processes)]
        for process in crew:
            _tell(process, request)
        for process in crew:
            _hear(process)
        for process in crew:
            _tell(process, seconds)
        return [_hear(process) for process in crew]

    def _hire(self, setup: Setup, place: int) -> subprocess.Popen[str]:
        # A process of the engine never sees transformers' memory, nor the other way round.
        key = (setup.who == "aira-dsl", setup.threads, place)
        if key not in self._processes:
            self._processes[key] = subprocess.Popen(
                [
                    sys.executable,
                    "-P",
                    "-m",
                    "aira_dsl.experiments.speed.worker",
                    str(setup.threads),
                ],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
        return self._processes[key]


def _tell(process: subprocess.Popen[str], message: Any) -> None:
    assert process.stdin is not None
    try:
        print(json.dumps(message), file=process.stdin, flush=True)
    except BrokenPipeError:
        raise _failed(process) from None


def _hear(process: subprocess.Popen[str]) -> Any:
    assert process.stdout is not None
    if not (line := process.stdout.readline()):
        raise _failed(process)
    return json.loads(line)


def _failed(process: subprocess.Popen[str]) -> RunError:
    return RunError(
        "E0603",
        f"a benchmark process ended with exit code {process.wait()}",
        help="run `python -m aira_dsl.experiments.speed.worker 1` to see why; memory may be short",
    )


def _has_transformers() -> bool:
    from importlib.util import find_spec

    return find_spec("transformers") is not None


def _machine() -> dict[str, Any]:
    abilities: Mapping[str, Any] = getattr(torch.cpu, "get_capabilities", dict)()
    return {
        "processor": abilities.get("cpu_name", platform.processor()),
        "abilities": [
            name for name in ("avx2", "avx512_f", "avx512_bf16", "amx_bf16") if abilities.get(name)
        ],
        "cores": available_cores(),
        "threads_of_the_machine": os.cpu_count(),
        "torch": torch.__version__,
        "python": platform.python_version(),
    }
