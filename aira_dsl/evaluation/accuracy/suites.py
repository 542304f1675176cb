"""The two suites of the paper, by the names of their tasks in lm-evaluation-harness."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from aira_dsl.evaluation.accuracy.result import Metric, SuiteMean, TaskScores


@dataclass(frozen=True, slots=True)
class SuiteTask:
    """A task of a suite.

    Attributes:
        name: in lm-evaluation-harness.
        fewshot: number of examples before a question.
        metric: the one that counts for the mean of the suite.
        scale: factor that brings the metric to a range up to one.
    """

    name: str
    fewshot: int
    metric: str
    scale: float = 1.0


SUITES: dict[str, tuple[SuiteTask, ...]] = {
    "zero-shot": (
        SuiteTask("hellaswag", 0, "acc"),
        SuiteTask("winogrande", 0, "acc"),
        SuiteTask("arc_easy", 0, "acc"),
        SuiteTask("arc_challenge", 0, "acc"),
        SuiteTask("piqa", 0, "acc"),
        SuiteTask("sciq", 0, "acc"),
    ),
    "dclm-core": (
        SuiteTask("copa", 0, "acc"),
        SuiteTask("coqa", 0, "f1"),
        SuiteTask("lambada_openai", 0, "acc"),
        SuiteTask("openbookqa", 0, "acc_norm"),
        SuiteTask("winogrande", 0, "acc"),
        SuiteTask("xwinograd_en", 0, "acc"),
        SuiteTask("agieval_lsat_ar", 3, "acc_norm"),
        SuiteTask("arc_easy", 10, "acc_norm"),
        SuiteTask("arc_challenge", 10, "acc_norm"),
        SuiteTask("boolq", 10, "acc"),
        SuiteTask("commonsense_qa", 10, "acc"),
        SuiteTask("hellaswag", 10, "acc_norm"),
        SuiteTask("piqa", 10, "acc_norm"),
        SuiteTask("squadv2", 10, "f1", scale=0.01),
    ),
}
"""`zero-shot` is scored plain and normalised by length; `dclm-core` is the plain mean of fourteen
tasks (AIRA, appendix on evaluation; DCLM, Li et al. 2024, calls the same tasks Core)."""


def suite_means(
    suite: str, found: Sequence[TaskScores], fewshot: int | None = None
) -> Iterator[SuiteMean]:
    """Yield the plain mean of a suite; of accuracies, also the one normalised by length.

    Nothing is yielded if a task of the suite has no scores. A task without a normalised accuracy
    counts with its plain one.

    Args:
        suite: name.
        found: scores of tasks.
        fewshot: number of examples before a question, if it is not the suite's own.
    """
    scores = {(each.task, each.fewshot): each for each in found}
    tasks = SUITES[suite]
    chosen = [scores.get((t.name, t.fewshot if fewshot is None else fewshot)) for t in tasks]
    plain = [_scaled(task, each, task.metric) for task, each in zip(tasks, chosen, strict=True)]
    if None in plain:
        return
    yield _mean(suite, "score", plain)
    if all(task.metric == "acc" for task in tasks):
        normalised = [_scaled(t, each, "acc_norm") for t, each in zip(tasks, chosen, strict=True)]
        yield _mean(suite, "acc_norm", [n or p for n, p in zip(normalised, plain, strict=True)])


def _scaled(task: SuiteTask, scores: TaskScores | None, name: str) -> Metric | None:
    metric = None if scores is None else scores.metric(name)
    if metric is None:
        return None
    error = None if metric.error is None else task.scale * metric.error
    return Metric(name, task.scale * metric.value, error)


def _mean(suite: str, name: str, metrics: Sequence[Metric | None]) -> SuiteMean:
    known = [metric for metric in metrics if metric is not None]
    errors = [metric.error for metric in known if metric.error is not None]
    error = math.hypot(*errors) / len(known) if len(errors) == len(known) else None
    return SuiteMean(suite, name, sum(metric.value for metric in known) / len(known), error)
