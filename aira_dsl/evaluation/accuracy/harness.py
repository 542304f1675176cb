"""Evaluation of a model on tasks through lm-evaluation-harness (Gao et al., arXiv 2405.14782)."""

import logging
import math
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aira_dsl.errors import AiraError, RunError, UsageError
from aira_dsl.evaluation.accuracy.likelihood import TextModel
from aira_dsl.evaluation.accuracy.local_data import Places, offline
from aira_dsl.evaluation.accuracy.model import harness_model, model_folder, own_model
from aira_dsl.evaluation.accuracy.options import EvaluateOptions
from aira_dsl.evaluation.accuracy.result import (
    Accuracy,
    LikelihoodCheck,
    Metric,
    TaskFailure,
    TaskScores,
)
from aira_dsl.evaluation.accuracy.suites import suite_means
from aira_dsl.evaluation.accuracy.tasks import ChosenTask, choose_tasks, suites_of
from aira_dsl.interop.exported import is_exported
from aira_dsl.interop.huggingface import TEXT
from aira_dsl.training.threads import torch_threads
from aira_dsl.utils.extras import install_command

_PACKAGES = ("lm-eval", "transformers", "datasets", "torch")
_RESAMPLES = 1_000
"""Of the standard errors that have no formula."""


def evaluate_model(
    folder: Path,
    options: EvaluateOptions,
    *,
    on_task: Callable[[str, int], None] = lambda name, questions: None,
) -> Accuracy:
    """Evaluate the model of a training run, or of a folder for transformers, on tasks.

    Args:
        folder: of the run or the model.
        options: tasks, data and limits.
        on_task: called before each task with its name and number of questions.

    Raises:
        UsageError: E1802, lm-eval is not installed; E1803, an unknown task; E1804, data that are
            not on this machine.
        InputError: E1801, E1808, the model cannot be loaded; E1805, a task cannot be used; E1807,
            an answer is longer than the context of the model. The last two, and E1809, only if no
            task has scores.
        RunError: E1809, lm-eval fails.
    """
    from aira_dsl.models.accelerate import choose_device

    folder = model_folder(folder)
    _require_lm_eval()
    began = time.monotonic()
    device = choose_device(options.device)
    with ExitStack() as stack:
        for context in (offline(), _quiet(), torch_threads(options.threads)):
            stack.enter_context(context)
        cache = stack.enter_context(TemporaryDirectory(prefix="aira-dsl-data-"))
        places = Places(options.data, Path(cache))
        tasks = choose_tasks(options.tasks, places, options.fewshot)
        model = harness_model(folder, options, device)
        own = own_model(folder, model, device) if options.check else None
        found: list[TaskScores] = []
        failures: dict[str, AiraError] = {}
        differences: list[float] = []
        for task in tasks:
            available = len(task.task.eval_docs)
            on_task(task.name, min(options.limit or available, available))
            try:
                raw = _evaluated(model, task, options)
            except AiraError as error:
                failures[task.name] = error
                continue
            found.append(_scores(task, raw))
            if own is not None:
                differences += _differences(own, raw["samples"][task.name], options)
    if not found:
        raise next(iter(failures.values()))
    suites = suites_of(options.tasks)
    return Accuracy(
        model=str(folder),
        fingerprint=_fingerprint(folder),
        tasks=tuple(found),
        failures=tuple(TaskFailure(name, error.message) for name, error in failures.items()),
        means=tuple(mean for name in suites for mean in suite_means(name, found, options.fewshot)),
        check=LikelihoodCheck(len(differences), max(differences)) if differences else None,
        seed=options.seed,
        versions={package: version(package) for package in _PACKAGES},
        seconds=time.monotonic() - began,
    )


def _require_lm_eval() -> None:
    if find_spec("lm_eval") is None:
        raise UsageError(
            "E1802",
            "evaluation on tasks needs the package lm-eval, which is not installed",
            help=install_command("lm-eval"),
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Leave out the notes of lm-eval and transformers; their warnings are about other models."""
    loggers = [logging.getLogger(name) for name in ("lm_eval", "transformers", "datasets")]
    before = [logger.level for logger in loggers]
    for logger in loggers:
        logger.setLevel(logging.ERROR)
    try:
        yield
    finally:
        for logger, level in zip(loggers, before, strict=True):
            logger.setLevel(level)


def _fingerprint(folder: Path) -> str | None:
    from aira_dsl.language import load

    return load(folder / TEXT).fingerprint if is_exported(folder) else None


def _evaluated(model: Any, task: ChosenTask, options: EvaluateOptions) -> dict[str, Any]:
    """Run one task; the result of lm-eval.

    Raises:
        InputError: E1805, E1807, an answer does not fit the model.
        RunError: E1809, lm-eval fails.
    """
    from lm_eval import evaluate

    try:
        task.task.set_fewshot_seed(options.seed)
        found: dict[str, Any] = evaluate(
            lm=model,
            task_dict={"tasks": {task.name: task.task}},
            limit=options.limit,
            bootstrap_iters=_RESAMPLES,
        )
    except AiraError:
        raise
    except Exception as error:  # of a task's own code, a metric, a template
        reason = (str(error).splitlines() or [type(error).__name__])[0]
        raise RunError("E1809", f"task {task.name} failed in lm-eval: {reason}") from error
    return found


def _scores(task: ChosenTask, raw: dict[str, Any]) -> TaskScores:
    values = raw["results"][task.name]
    counts = raw["n-samples"][task.name]
    return TaskScores(
        task=task.name,
        fewshot=task.fewshot,
        questions=counts["effective"],
        available=counts["original"],
        chance=_chance(task, raw["samples"][task.name]),
        metrics=tuple(_metrics(values)),
    )


def _metrics(values: dict[str, Any]) -> Iterator[Metric]:
    """Read `acc,none` and `acc_stderr,none`; a filter of answers is part of the name."""
    for key, value in values.items():
        name, _, filtered = key.partition(",")
        if not filtered or name.endswith("_stderr") or not isinstance(value, int | float):
            continue
        error = _number(values.get(f"{name}_stderr,{filtered}"))
        yield Metric(name if filtered == "none" else f"{name}/{filtered}", float(value), error)


def _number(value: object) -> float | None:
    """Return a number; None for what is not known, which lm-eval calls N/A."""
    return float(value) if isinstance(value, int | float) and math.isfinite(value) else None


def _chance(task: ChosenTask, samples: Sequence[dict[str, Any]]) -> float | None:
    """Return the mean of 1/choices; choices are pairs of a context and a continuation."""
    if task.task.OUTPUT_TYPE != "multiple_choice":
        return None
    pairs = [
        [pair for pair in each["arguments"] if pair[0]] or each["arguments"] for each in samples
    ]
    return sum(1 / len(each) for each in pairs) / len(pairs)


def _differences(
    own: TextModel, samples: Sequence[dict[str, Any]], options: EvaluateOptions
) -> list[float]:
    """Return differences of the first log-likelihoods of a task from our own."""
    requests = [
        (arguments, response[0])
        for sample in samples
        for arguments, response in zip(sample["arguments"], sample["resps"], strict=True)
    ][: options.check]
    pairs = [(arguments, found[0]) for arguments, found in requests if isinstance(found, tuple)]
    documents = [(arguments[0], found) for arguments, found in requests if isinstance(found, float)]
    scores = own.score([arguments for arguments, _ in pairs])
    return [
        *(
            abs(score.log_likelihood - found)
            for score, (_, found) in zip(scores, pairs, strict=True)
        ),
        *(abs(own.score_document(text) - found) for text, found in documents),
    ]
