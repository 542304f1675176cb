"""Presets of evaluations: each is a list of tasks with sizes and recipes, at a certain cost.

`smoke` takes seconds and ranks nothing: it is for tests and for trying the tool. `cpu` is the
default; docs/proxy.md has its cost and how well it distinguishes architectures. `long` is `cpu`
with ten times the training: to check results of `cpu`, and to choose among winners.
`paper` follows the MAD protocol at the paper's hardest data size (paper §1.4, references in
docs/tasks.md): 800 training examples, 1,280 test examples, 200 epochs.
"""

import hashlib
import json
from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from aira_dsl.data.tasks import (
    Compression,
    FuzzyInContextRecall,
    InContextRecall,
    LanguageTask,
    Memorization,
    NoisyInContextRecall,
    SelectiveCopying,
    SplitSizes,
    Task,
)
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.choices import Objective, PresetName
from aira_dsl.evaluation.direction import Direction
from aira_dsl.training.recipe import Recipe
from aira_dsl.utils.machine import Device, DeviceChoice, Precision, PrecisionChoice


class TaskRun(BaseModel):
    """One task of an evaluation, with the number of examples and the training recipe."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    task: Task
    sizes: SplitSizes
    recipe: Recipe


class EvaluatorSettings(BaseModel):
    """Everything an evaluation depends on, besides the architecture, the seed and the code.

    Attributes:
        objective: `mad` scores mean token accuracy over the tasks (higher is better), `language`
            scores bits per byte (lower is better).
        preset: the name of the preset that has these runs.
        runs: one entry a task.
        precision: of the activations; scores in bf16 and fp32 differ within their noise.
        device: where the models are trained.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    objective: Objective
    preset: str
    runs: tuple[TaskRun, ...]
    precision: Precision = "fp32"
    device: Device = "cpu"

    @property
    def direction(self) -> Direction:
        """Which way the score gets better."""
        return Direction.MAXIMIZE if self.objective == "mad" else Direction.MINIMIZE

    def describe(self) -> str:
        """Say in words what a score measures, and which direction is better."""
        if self.objective == "language":
            return "Bits per byte of text that is not in the training data; lower is better."
        summaries = [(type(run.task).__doc__ or "").strip().splitlines()[0] for run in self.runs]
        tasks = zip((run.task.name for run in self.runs), summaries, strict=True)
        return "\n".join(
            [
                "The mean, over the following tasks, of the fraction of correctly predicted tokens "
                "on examples that are not in the training data; higher is better, 1 is perfect.",
                *(f"- {name}: {summary}" for name, summary in tasks),
            ]
        )

    def identity(self) -> str:
        """Hash what decides the numbers: a corpus counts by its content, not by its path.

        Raises:
            InputError: E06xx, if a corpus cannot be read.
        """
        elsewhere = [] if self.device == "cpu" else [self.device]
        meaning = [
            *elsewhere,
            self.objective,
            self.precision,
            [
                [run.task.identity(), run.sizes.model_dump(), run.recipe.model_dump()]
                for run in self.runs
            ],
        ]
        return hashlib.sha256(json.dumps(meaning, sort_keys=True).encode()).hexdigest()[:16]


def _run(task: Task, sizes: tuple[int, int, int], recipe: Recipe) -> TaskRun:
    train, validation, test = sizes
    return TaskRun(
        task=task,
        sizes=SplitSizes(train=train, validation=validation, test=test),
        recipe=recipe,
    )


_SMOKE = Recipe(steps=8, batch=16, learning_rate=3e-3, final_learning_rate=1e-5, warmup=0.1)
_CPU = _SMOKE.model_copy(update={"steps": 120})
_LONG = _SMOKE.model_copy(update={"steps": 1200})
# The six tasks of MAD with its own sizes: a new task in `TASKS` must not change the preset.
_PUBLISHED: tuple[Task, ...] = (
    InContextRecall(),
    NoisyInContextRecall(),
    FuzzyInContextRecall(),
    Memorization(),
    Compression(),
    SelectiveCopying(),
)

# 800 examples in batches of 128 are 6 steps an epoch; 200 epochs.
_PAPER = Recipe(steps=1200, batch=128, learning_rate=5e-4, final_learning_rate=1e-6)

# Sizes at which about a hundred steps teach something, but not everything: at MAD's own sizes every
# architecture would still be guessing (docs/proxy.md). These three distinguish architectures, the
# most informative first, since candidates may be pruned after two; the other three add cost but no
# information (docs/proxy.md, benchmarks/task_choice.py).
_TELLING: tuple[Task, ...] = (
    Memorization(vocab=1024, length=32),
    FuzzyInContextRecall(vocab=9, length=32, key_motif=1, value_motif=2),
    NoisyInContextRecall(vocab=10, noise_vocab=2, length=32),
)

_SHORT: tuple[Task, ...] = (
    *_TELLING,
    InContextRecall(vocab=8, length=32),
    SelectiveCopying(vocab=10, length=32, copy_tokens=5),
    Compression(vocab=8, length=12),
)

_MAD: dict[PresetName, tuple[TaskRun, ...]] = {
    "smoke": tuple(_run(task, (128, 64, 64), _SMOKE) for task in _SHORT),
    "cpu": tuple(_run(task, (2048, 512, 512), _CPU) for task in _TELLING),
    "long": tuple(_run(task, (16_384, 512, 512), _LONG) for task in _TELLING),
    "paper": tuple(_run(task, (800, 1280, 1280), _PAPER) for task in _PUBLISHED),
}

_LANGUAGE: dict[PresetName, tuple[int, tuple[int, int, int], Recipe]] = {
    "smoke": (32, (128, 64, 64), _SMOKE),
    "cpu": (64, (4800, 512, 512), _CPU.model_copy(update={"steps": 300})),
    "long": (64, (48_000, 512, 512), _CPU.model_copy(update={"steps": 3000})),
    "paper": (256, (12_800, 1280, 1280), _PAPER),
}

TIME_LIMITS: dict[PresetName, float] = {
    "smoke": 300.0,
    "cpu": 1800.0,
    "long": 5 * 3600.0,
    "paper": 48 * 3600.0,
}
"""Time limit of a candidate in seconds: far above what any arrangement needs."""


def preset_settings(
    preset: PresetName,
    *,
    objective: Objective = "mad",
    corpus: Sequence[str | Path] = (),
    precision: PrecisionChoice = "auto",
    device: DeviceChoice = "cpu",
) -> EvaluatorSettings:
    """Return the evaluator settings of a preset.

    Args:
        preset: smoke, cpu, long or paper.
        objective: `mad` for the six synthetic tasks, `language` for bytes of text.
        corpus: files or folders for `language`; empty for the offline default.
        precision: fp32, bf16, or the faster one on this machine.
        device: where to compute; `auto` takes a GPU if there is one.

    Raises:
        UsageError: E0601, if a corpus is given for `mad`; E0631, if bf16 is not
            available; E0632, if there is no GPU.
    """
    if objective == "mad":
        if corpus:
            raise UsageError(
                "E0601",
                "a corpus is read only for the objective language",
                help="add --objective language, or omit --corpus",
            )
        runs = _MAD[preset]
    else:
        paths = tuple(str(Path(path).absolute()) for path in corpus)
        length, sizes, recipe = _LANGUAGE[preset]
        runs = (_run(LanguageTask(length=length, corpus=paths), sizes, recipe),)
    chosen_precision, chosen_device = _available(precision, device)
    return EvaluatorSettings(
        objective=objective,
        preset=preset,
        runs=runs,
        precision=chosen_precision,
        device=chosen_device,
    )


def _available(precision: PrecisionChoice, device: DeviceChoice) -> tuple[Precision, Device]:
    """Choose what this machine has; torch is asked only if the choice is not fp32 on the CPU."""
    if precision == "fp32" and device == "cpu":
        return precision, device
    from aira_dsl.models.precision import choose_device, choose_precision

    chosen = choose_device(device)
    return choose_precision(precision, chosen), chosen


def lengthened(settings: EvaluatorSettings, times: int) -> EvaluatorSettings:
    """Return the settings with `times` as many training steps and training examples."""

    def longer(run: TaskRun) -> TaskRun:
        recipe = run.recipe.model_copy(update={"steps": times * run.recipe.steps})
        sizes = run.sizes.model_copy(update={"train": times * run.sizes.train})
        return run.model_copy(update={"recipe": recipe, "sizes": sizes})

    return settings.model_copy(update={"runs": tuple(longer(run) for run in settings.runs)})
