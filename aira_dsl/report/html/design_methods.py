"""The tables of a comparison on tasks: methods over all tasks, and the runs of one task."""

from dataclasses import dataclass

from aira_dsl.experiments.comparison import Comparison, DesignComparison, Interval, RunSummary
from aira_dsl.report.conclusions import of_comparison
from aira_dsl.report.html.chart import NARROW, WIDE
from aira_dsl.report.html.comparison_plots import Finals, Race, finals, race
from aira_dsl.report.html.methods import pair_sheet
from aira_dsl.report.html.text import Column, Sheet, Style, as_sentence, clean

_SHARES = ("valid_runs", "valid_candidates", "improved")
_VIEWS = {"wide": WIDE, "narrow": NARROW}


@dataclass(frozen=True)
class TaskPart:
    """What the page says of one task.

    Attributes:
        name: of the task.
        found: the comparison on it.
        may, may_not: conclusions, in sentences.
        races, finals: the pictures by view.
        pairs, runs: the tables.
    """

    name: str
    found: Comparison
    may: tuple[str, ...]
    may_not: tuple[str, ...]
    races: dict[str, Race | None]
    finals: dict[str, Finals | None]
    pairs: Sheet
    runs: Sheet


def task_part(name: str, found: Comparison) -> TaskPart:
    """Return what the page says of one task."""
    drawn = of_comparison(found)
    return TaskPart(
        name=clean(name),
        found=found,
        may=tuple(as_sentence(each) for each in drawn if each.kind == "better"),
        may_not=tuple(as_sentence(each) for each in drawn if each.kind != "better"),
        races={view: race(found, width) for view, width in _VIEWS.items()},
        finals={view: finals(found, width) for view, width in _VIEWS.items()},
        pairs=pair_sheet(found),
        runs=_runs(name, found),
    )


def overall_sheet(found: DesignComparison) -> Sheet:
    """Return one row a method: over all tasks."""
    columns = [Column("method", "method"), Column("runs", "runs", "count")]
    for key in _SHARES:
        label = key.replace("_", " ")
        columns += [Column(key, label, "share"), *_ends(key, "share")]
    columns += [Column("normalised", "normalised", "decimal"), *_ends("normalised", "decimal")]
    columns += [
        Column("tokens", "tokens a run", "decimal"),
        Column("usd", "cost a run", "usd"),
        Column("seconds", "seconds a run", "decimal"),
    ]
    rows = tuple(
        (
            clean(name),
            each.runs,
            *(value for key in _SHARES for value in _numbers(getattr(each, key))),
            *_numbers(each.normalised),
            each.tokens,
            each.usd,
            each.seconds,
        )
        for name, each in found.methods.items()
    )
    return Sheet("Methods over all tasks", tuple(columns), rows, name="methods")


def _ends(key: str, style: Style) -> tuple[Column, Column]:
    return Column(f"{key}_low", "low", style), Column(f"{key}_high", "high", style)


def _numbers(interval: Interval | None) -> tuple[float | None, ...]:
    return (None,) * 3 if interval is None else (interval.mean, interval.low, interval.high)


def _runs(name: str, found: Comparison) -> Sheet:
    columns = (
        Column("method", "method"),
        Column("seed", "seed", "number"),
        Column("trials", "candidates", "count"),
        Column("valid_candidates", "valid", "share"),
        Column("final_validation", "best score", "score"),
        Column("final_confirmed", "repeats", "score"),
        Column("final", "test", "score"),
        Column("normalised", "normalised", "decimal"),
        Column("gain", "gain", "score"),
        Column("improved", "improved"),
        Column("calls", "calls", "count"),
        Column("tokens", "tokens", "count"),
        Column("usd", "cost", "usd"),
        Column("seconds", "seconds", "decimal"),
    )
    rows = tuple(
        (clean(method), *(_value(run, column.key) for column in columns[1:]))
        for method, each in found.methods.items()
        for run in each.runs
    )
    return Sheet("Runs", columns, rows, name=f"runs-{clean(name)}")


def _value(run: RunSummary, key: str) -> object:
    value = getattr(run, key)
    return ("yes" if value else "no") if key == "improved" else value
