"""The trial table of a page, and the same as files."""

from collections.abc import Sequence
from dataclasses import replace

from aira_dsl.report.html.agent_trace import trouble
from aira_dsl.report.html.run_facts import Facts
from aira_dsl.report.html.text import Attachment, Column, Sheet, clean
from aira_dsl.study.trials import Trial, as_csv, as_json

SHOWN = 1_000
"""Rows on the page at most, the best ones; the files hold all."""

_COLUMNS = (
    Column("number", "trial", "count"),
    Column("operation", "operation"),
    Column("score", "score", "score"),
    Column("confirmed", "repeats", "score"),
    Column("test_score", "test", "score"),
    Column("pattern", "layers", "mono"),
    Column("outcome", "outcome", "prose"),
    Column("parameters", "parameters", "count"),
    Column("training_flops", "FLOPs/token", "short"),
    Column("seconds", "seconds", "seconds"),
    Column("tokens", "tokens", "count"),
    Column("usd", "cost", "usd"),
)
_OF_AGENTS = {"operation", "tokens", "usd"}


def trial_sheet(order: Sequence[Trial], rows: Sequence[Trial], found: Facts) -> Sheet:
    """Return the table: all trials by number, or the best if there are too many.

    Args:
        order: the scored trials, best first.
        rows: all that have finished.
        found: what is known of the run.
    """
    chosen = {row.number for row in order[:SHOWN]}
    shown = rows if len(rows) <= SHOWN else [row for row in rows if row.number in chosen]
    tasks = sorted({task for row in rows for task in row.tasks})
    columns = [c for c in _COLUMNS if found.agent or c.key not in _OF_AGENTS]
    columns += [Column(f"task {name}", clean(name), "score") for name in tasks]
    note = "" if len(shown) == len(rows) else f"the best {len(shown):,} of {len(rows):,}"
    return Sheet(
        caption="Trials",
        columns=tuple(columns),
        rows=tuple(tuple(_value(row, column.key) for column in columns) for row in shown),
        note=note,
    )


def _value(row: Trial, key: str) -> object:
    if key.startswith("task "):
        return row.tasks.get(key.removeprefix("task "))
    if key == "outcome":
        return "ok" if row.score is not None else trouble(row)
    if key in {"parameters", "training_flops"}:
        return getattr(row, key) or None  # a trial without an architecture has none
    value = getattr(row, key)
    return clean(value) if isinstance(value, str) else value


def trial_files(rows: Sequence[Trial]) -> tuple[Attachment, ...]:
    """Return all trials as CSV and JSON; what models wrote is cleaned there, too."""
    cleaned = [
        replace(row, hypothesis=clean(row.hypothesis), message=clean(row.message)) for row in rows
    ]
    return (
        Attachment("trials.csv", "text/csv", as_csv(cleaned)),
        Attachment("trials.json", "application/json", as_json(cleaned)),
    )
