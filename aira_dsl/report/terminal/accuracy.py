"""The report of an evaluation on tasks."""

from collections.abc import Iterator, Sequence

from aira_dsl.evaluation.accuracy.result import Accuracy, TaskScores
from aira_dsl.utils.formatting import duration, number, plural, score

_HEAD = ("task", "shots", "questions", "metric", "score", "std. error", "chance")
_LEFT = ("task", "metric")


def accuracy_text(found: Accuracy) -> str:
    """Return the table of scores, the means of suites, and the check of log-likelihoods."""
    rows = [row for task in found.tasks for row in _rows(task)]
    lines = [found.model, "", *_table(_HEAD, rows)]
    lines.append("")
    lines += [f"{each.task} has no scores: {each.reason}" for each in found.failures]
    lines += [f"{m.suite}: mean {m.name} {_with_error(m.value, m.error)}" for m in found.means]
    lines += [_check(found), f"took {duration(found.seconds)}"]
    return "\n".join(lines) + "\n"


def _rows(task: TaskScores) -> Iterator[tuple[str, ...]]:
    asked = f"{task.questions:,}"
    if task.questions < task.available:
        asked += f" of {task.available:,}"
    for metric in task.metrics:
        yield (
            task.task,
            str(task.fewshot),
            asked,
            metric.name,
            score(metric.value),
            score(metric.error),
            number(task.chance, ".4f") if metric.name.startswith("acc") else "",
        )


def _table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    widths = [max(map(len, column)) for column in zip(head, *rows, strict=True)]
    sides = ["<" if name in _LEFT else ">" for name in head]
    return [
        "  ".join(
            f"{cell:{side}{width}}" for cell, side, width in zip(row, sides, widths, strict=True)
        ).rstrip()
        for row in (head, *rows)
    ]


def _with_error(value: float, error: float | None) -> str:
    return score(value) if error is None else f"{score(value)} ± {score(error)}"


def _check(found: Accuracy) -> str:
    if found.check is None:
        return "log-likelihoods were not compared with our own"
    return (
        f"log-likelihoods differ from our own by at most {found.check.difference:.1e} nats "
        f"({plural(found.check.requests, 'request')})"
    )
