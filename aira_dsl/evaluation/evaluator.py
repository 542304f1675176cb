"""The evaluator: it scores every architecture, whichever method proposed it.

`evaluate` is a pure function of the architecture's fingerprint, the evaluator's settings, the seed
and the version of the code that computes: what the store keeps under exactly that key is what a new
run would give. The numbers themselves come from `compute`; this module needs no torch. Several
candidates at a time are several processes (`aira_dsl.evaluation.pool`).
"""

import hashlib
from dataclasses import dataclass, replace
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from aira_dsl.architecture import Architecture
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.evaluation.result import Evaluation, ShouldContinue, SplitName
from aira_dsl.evaluation.store import Store
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.utils.machine import Device
from aira_dsl.version import __version__

# What decides the numbers of an evaluation. Presets are not here: they are in the key as values.
_NUMERIC = (
    "primitives",
    "architecture",
    "models",
    "data",
    "training",
    "evaluation/compute.py",
    "evaluation/metrics.py",
)
_SOURCES = (".py", ".cpp", ".hpp")
_NOT_NUMERIC = ("standalone.py", "storage.py")  # text of exports; folders of models


class Evaluator:
    """Trains architectures on the proxy tasks and scores them on a split not trained on.

    Args:
        settings: objective, tasks, sizes and recipes; `aira_dsl.evaluation.presets` has some.
        store: where results are kept; None computes every time.
    """

    def __init__(self, settings: EvaluatorSettings, *, store: Store | None = None) -> None:
        self.settings = settings
        self.store = store
        self.identity = settings.identity()

    def key(self, architecture: Architecture, seed: int, split: SplitName) -> str:
        """Return the store key: a hash of everything that decides the numbers."""
        parts = (
            architecture.fingerprint,
            self.identity,
            str(seed),
            split,
            code_version(),
            computed_by(self.settings.device),
        )
        return hashlib.sha256("\n".join(parts).encode()).hexdigest()

    def recall(
        self, architecture: Architecture, seed: int, split: SplitName = "validation"
    ) -> Evaluation | None:
        """Return a result that the store already holds, or None."""
        if self.store is None:
            return None
        return self.store.get(self.key(architecture, seed, split))

    def remember(self, architecture: Architecture, evaluation: Evaluation) -> None:
        """Keep a result, unless it depends on this machine's limits rather than on the key."""
        if self.store is not None and evaluation.status in ("ok", "diverged"):
            key = self.key(architecture, evaluation.seed, evaluation.split)
            self.store.put(key, evaluation)

    def job(self, architecture: Architecture, seed: int, split: SplitName, needs: Needs) -> Job:
        """Return the work of one evaluation for another process."""
        gpus = int(self.settings.device == "cuda")
        payload = {
            "settings": self.settings.model_dump_json(),
            "architecture": architecture.model_dump(mode="json"),
            "seed": seed,
            "split": split,
            "computed_by": computed_by(self.settings.device),
        }
        return Job("aira_dsl.evaluation.worker:evaluate", payload, replace(needs, gpus=gpus))

    def evaluate(
        self,
        architecture: Architecture,
        seed: int = 0,
        split: SplitName = "validation",
        *,
        should_continue: ShouldContinue = lambda tasks: True,
    ) -> Evaluation:
        """Evaluate in this process, without limits on time or memory.

        Divergence and exhausted memory come back as a status, never as an exception.

        Args:
            architecture: what to train.
            seed: of data, initialisation and order.
            split: what to score.
            should_continue: called after every task but the last; if it returns False, the
                evaluation is `pruned`.

        Raises:
            InputError: E06xx, if the data cannot serve the settings.
            InputError, RunError: E07xx, if the store fails.
        """
        if (known := self.recall(architecture, seed, split)) is not None:
            return known
        evaluation = self.compute(architecture, seed, split, should_continue)
        self.remember(architecture, evaluation)
        return evaluation

    def compute(
        self,
        architecture: Architecture,
        seed: int,
        split: SplitName,
        should_continue: ShouldContinue,
    ) -> Evaluation:
        """Evaluate in this process without the store."""
        from aira_dsl.evaluation.compute import compute

        return compute(self.settings, architecture, seed, split, should_continue)


@dataclass(frozen=True)
class ArchitectureRequest:
    """One evaluation of an architecture (an `aira_dsl.evaluation.pool.EvaluationRequest`).

    Attributes:
        evaluator: its settings decide the numbers; its store keeps the result.
        architecture: what to evaluate.
        seed: of data, initialisation and order.
        split: what to score.
    """

    evaluator: Evaluator
    architecture: Architecture
    seed: int
    split: SplitName = "validation"

    @property
    def fingerprint(self) -> str:
        """Identity of the architecture."""
        return self.architecture.fingerprint

    def recall(self) -> Evaluation | None:
        """Return the result if the evaluator's store already holds it."""
        return self.evaluator.recall(self.architecture, self.seed, self.split)

    def job(self, needs: Needs) -> Job:
        """Return the work for another process."""
        return self.evaluator.job(self.architecture, self.seed, self.split, needs)

    def read(self, value: Any) -> Evaluation:
        """Return the evaluation in what the job returned."""
        return Evaluation.model_validate(value)

    def remember(self, evaluation: Evaluation) -> None:
        """Keep a result in the evaluator's store."""
        self.evaluator.remember(self.architecture, evaluation)


def computed_by(device: Device) -> str:
    """Name what computes on this machine: numbers differ a little between them."""
    import torch

    from aira_dsl.models.precision import missing_kernels

    if device == "cuda":
        return f"cuda {torch.cuda.get_device_name()}"
    return "plain" if missing_kernels() else "kernels"


@cache
def code_version() -> str:
    """Hash the sources that decide an evaluation's numbers, and the version of torch."""
    digest = hashlib.sha256(f"{__version__} torch {version('torch')}".encode())
    for path in numeric_sources():
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def numeric_sources() -> list[Path]:
    """List the files of this package that decide an evaluation's numbers."""
    package = Path(__file__).parent.parent
    places = [package / name for name in _NUMERIC]
    files = [
        file
        for place in places
        for file in (sorted(place.rglob("*.*")) if place.is_dir() else [place])
    ]
    return [file for file in files if file.suffix in _SOURCES and file.name not in _NOT_NUMERIC]
