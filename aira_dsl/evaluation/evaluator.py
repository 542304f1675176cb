"""The evaluator: the one judge of every architecture, whoever proposed it.

`evaluate` is a pure function of the architecture's fingerprint, the evaluator's settings, the seed
and the version of the code that computes: what the store keeps under exactly that key is what a new
run would give. It runs on one thread, so that the numbers do not depend on how busy the machine
is; several candidates at once are several processes (`aira_dsl.evaluation.pool`).
"""

import hashlib
import math
import time
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path

import torch

from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import make_splits
from aira_dsl.errors import RunError
from aira_dsl.evaluation.presets import EvaluatorSettings, TaskRun
from aira_dsl.evaluation.result import Evaluation, SplitName, Status, TaskScore
from aira_dsl.evaluation.scoring import score
from aira_dsl.evaluation.store import Store
from aira_dsl.jobs.pool import Job, Needs
from aira_dsl.models.accelerate import Device, missing_kernels
from aira_dsl.training.loop import Diverged, train
from aira_dsl.training.networks import network
from aira_dsl.training.threads import one_thread
from aira_dsl.version import __version__

# What decides the numbers of an evaluation. Presets are not here: they are in the key as values.
_NUMERIC = (
    "primitives",
    "architecture",
    "models",
    "data",
    "training",
    "evaluation/evaluator.py",
    "evaluation/metrics.py",
    "evaluation/scoring.py",
)
_SOURCES = (".py", ".cpp", ".hpp")
SCORING_BATCH = 128  # MAD's; macro accuracy depends on it
_OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory", "not enough memory", "bad_alloc")


GoOn = Callable[[Sequence[TaskScore]], bool]
"""Is told the scores so far; says whether the rest is worth computing."""


class Evaluator:
    """Train an architecture on the proxy tasks and score it on a split it was not trained on.

    Args:
        settings: objective, tasks, sizes and recipes; see `aira_dsl.evaluation.presets.settings`.
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
            _computed_by(self.settings.device),
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
        payload = {
            "settings": self.settings.model_dump_json(),
            "architecture": architecture.model_dump(mode="json"),
            "seed": seed,
            "split": split,
        }
        return Job("aira_dsl.evaluation.worker:evaluate", payload, needs)

    def evaluate(
        self,
        architecture: Architecture,
        seed: int = 0,
        split: SplitName = "validation",
        *,
        go_on: GoOn = lambda tasks: True,
    ) -> Evaluation:
        """Evaluate in this process, without limits on time or memory.

        Divergence and exhausted memory come back as a status, never as an exception.

        Args:
            architecture: what to train.
            seed: of data, initialisation and order.
            split: what to score.
            go_on: asked after every task but the last; if it says no, the evaluation is `pruned`.

        Raises:
            InputError: E06xx, if the data can not serve the settings.
            InputError, RunError: E07xx, if the store fails.
        """
        if (known := self.recall(architecture, seed, split)) is not None:
            return known
        evaluation = self._compute(architecture, seed, split, go_on)
        self.remember(architecture, evaluation)
        return evaluation

    def _compute(
        self, architecture: Architecture, seed: int, split: SplitName, go_on: GoOn
    ) -> Evaluation:
        started = time.perf_counter()
        scores: list[TaskScore] = []
        status: Status = "ok"
        message = ""
        try:
            with one_thread():
                for run in self.settings.runs:
                    if scores and not go_on(scores):
                        status, message = "pruned", f"stopped after {len(scores)} tasks"
                        break
                    scores.append(self._run_task(run, architecture, seed, split))
        except Diverged as error:
            status, message = "diverged", str(error)
        except (MemoryError, RuntimeError, RunError) as error:
            if not _is_out_of_memory(error):
                raise
            status, message = "out of memory", str(error).splitlines()[0]
        return Evaluation(
            fingerprint=architecture.fingerprint,
            seed=seed,
            split=split,
            status=status,
            score=self._mean(scores) if status == "ok" else None,
            tasks=tuple(scores),
            seconds=time.perf_counter() - started,
            message=message,
        )

    def _run_task(
        self, run: TaskRun, architecture: Architecture, seed: int, split: SplitName
    ) -> TaskScore:
        started = time.perf_counter()
        splits = make_splits(run.task, run.sizes, seed)
        own = self.settings
        net = network(run.task, architecture, seed=seed, precision=own.precision, device=own.device)
        losses = train(net, splits.train, run.recipe, seed=seed)
        result = score(net, getattr(splits, split), batch=SCORING_BATCH)
        if not math.isfinite(result.cross_entropy):  # the last step may be the one that breaks it
            raise Diverged(f"{run.task.name}: the scores are not finite numbers")
        tail = losses[-max(1, len(losses) // 10) :]
        return TaskScore(
            task=run.task.name,
            token_accuracy=result.token_accuracy,
            macro_accuracy=result.macro_accuracy,
            bits_per_token=result.bits_per_byte,
            training_loss=sum(tail) / len(tail),
            seconds=time.perf_counter() - started,
        )

    def _mean(self, scores: Sequence[TaskScore]) -> float:
        if self.settings.objective == "mad":
            return sum(s.token_accuracy for s in scores) / len(scores)
        return sum(s.bits_per_token for s in scores) / len(scores)


def _computed_by(device: Device) -> str:
    """Name what computes: numbers differ a little between them."""
    if device == "cuda":
        return f"cuda {torch.cuda.get_device_name()}"
    return "plain" if missing_kernels() else "kernels"


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out: found beforehand (E0501), by numpy, or by torch's allocator."""
    if isinstance(error, RunError):
        return error.code == "E0501"
    return isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)


@cache
def code_version() -> str:
    """Hash the sources that decide an evaluation's numbers, and the version of torch."""
    digest = hashlib.sha256(f"{__version__} torch {torch.__version__}".encode())
    package = Path(__file__).parent.parent
    for name in _NUMERIC:
        place = package / name
        for path in sorted(place.rglob("*.*")) if place.is_dir() else [place]:
            if path.suffix in _SOURCES:
                digest.update(path.read_bytes())
    return digest.hexdigest()[:16]
