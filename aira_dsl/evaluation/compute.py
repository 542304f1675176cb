"""The numbers of an evaluation: train on every task, score a split that was not trained on.

Everything runs on one thread, so that the numbers do not depend on how busy the machine is.

Shapes: B examples in a batch, N examples, L positions, V token ids.
"""

import math
import time
from collections.abc import Sequence

import torch
from torch import nn

from aira_dsl.architecture import Architecture
from aira_dsl.data.tasks import Examples, make_splits
from aira_dsl.errors import RunError
from aira_dsl.evaluation.choices import Objective
from aira_dsl.evaluation.metrics import Scores
from aira_dsl.evaluation.presets import EvaluatorSettings, TaskRun
from aira_dsl.evaluation.result import Evaluation, ShouldContinue, SplitName, Status, TaskScore
from aira_dsl.training.loop import Diverged, train
from aira_dsl.training.networks import network
from aira_dsl.training.threads import one_thread

SCORING_BATCH = 128  # MAD's; macro accuracy depends on it
_OUT_OF_MEMORY = ("can't allocate memory", "CUDA out of memory", "not enough memory", "bad_alloc")


def compute(
    settings: EvaluatorSettings,
    architecture: Architecture,
    seed: int,
    split: SplitName,
    should_continue: ShouldContinue = lambda tasks: True,
) -> Evaluation:
    """Evaluate an architecture.

    Divergence and exhausted memory come back as a status, never as an exception.

    Args:
        settings: tasks, sizes and recipes.
        architecture: what to train.
        seed: of data, initialisation and order.
        split: what to score.
        should_continue: called after every task but the last; if it returns False, the evaluation
            is `pruned`.

    Raises:
        InputError: E06xx, if the data cannot serve the settings.
    """
    started = time.perf_counter()
    scores: list[TaskScore] = []
    status: Status = "ok"
    message = ""
    try:
        with one_thread():
            for run in settings.runs:
                if scores and not should_continue(scores):
                    status, message = "pruned", f"stopped after {len(scores)} tasks"
                    break
                scores.append(_run_task(run, settings, architecture, seed, split))
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
        score=_mean(settings.objective, scores) if status == "ok" else None,
        tasks=tuple(scores),
        seconds=time.perf_counter() - started,
        message=message,
    )


@torch.no_grad()
def score(network: nn.Module, examples: Examples, *, batch: int) -> Scores:
    """Score a network that maps tokens (B, L) to logits (B, L, V), `batch` examples at a time."""
    network.eval()
    inputs_NL, targets_NL = map(torch.from_numpy, (examples.inputs, examples.targets))
    scores = Scores()
    for start in range(0, len(inputs_NL), batch):
        rows = slice(start, start + batch)
        logits_BLV = network(inputs_NL[rows])
        scores.update(logits_BLV, targets_NL[rows].to(logits_BLV.device))
    return scores


def _run_task(
    run: TaskRun,
    settings: EvaluatorSettings,
    architecture: Architecture,
    seed: int,
    split: SplitName,
) -> TaskScore:
    started = time.perf_counter()
    splits = make_splits(run.task, run.sizes, seed)
    net = network(
        run.task,
        architecture,
        seed=seed,
        precision=settings.precision,
        device=settings.device,
    )
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


def _mean(objective: Objective, scores: Sequence[TaskScore]) -> float:
    if objective == "mad":
        return sum(score.token_accuracy for score in scores) / len(scores)
    return sum(score.bits_per_token for score in scores) / len(scores)


def _is_out_of_memory(error: Exception) -> bool:
    """Tell whether memory ran out: found beforehand (E0501), by numpy, or by torch's allocator."""
    if isinstance(error, RunError):
        return error.code == "E0501"
    return isinstance(error, MemoryError) or any(text in str(error) for text in _OUT_OF_MEMORY)
