"""The trial table of a page, and the same as files."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from textwrap import shorten

from aira_dsl.report.html.agent_trace import trouble
from aira_dsl.report.html.search_facts import SearchFacts
from aira_dsl.report.html.text import Attachment, Column, Sheet, Style, clean
from aira_dsl.report.measurements import fact_label, is_memory
from aira_dsl.study.trials import Trial, as_csv, as_json

SHOWN = 1_000
"""Rows on the page at most, the best ones; the files hold all."""

REASON = 90
"""Characters of a reason in the table."""

_OUTCOME = Column("outcome", "outcome", "prose")
_SCORES = (
    Column("score", "score", "score"),
    Column("confirmed", "repeats", "score"),
    Column("test_score", "test", "score"),
)
_CALLS = (Column("tokens", "tokens", "count"), Column("usd", "cost", "usd"))
_NUMBER = Column("number", "trial", "count")
_OPERATION = Column("operation", "operation")
_SECONDS = Column("seconds", "seconds", "seconds")


def search_columns(rows: Sequence[Trial], found: SearchFacts) -> tuple[Column, ...]:
    """Return the columns of a search: costs of the architectures, one column a task."""
    tasks = sorted({task for row in rows for task in row.tasks})
    return (
        _NUMBER,
        *((_OPERATION,) if found.agent else ()),
        *_SCORES,
        Column("pattern", "layers", "mono"),
        _OUTCOME,
        Column("parameters", "parameters", "count"),
        Column("training_flops", "FLOPs/token", "short"),
        _SECONDS,
        *(_CALLS if found.agent else ()),
        *(Column(f"task {name}", clean(name), "score") for name in tasks),
    )


def design_columns(rows: Sequence[Trial]) -> tuple[Column, ...]:
    """Return the columns of a design run: what the judge measured, one column a fact."""
    facts = dict.fromkeys(name for row in rows for name in row.facts)
    return (
        _NUMBER,
        _OPERATION,
        *_SCORES,
        Column("pattern", "files", "mono"),
        Column("hypothesis", "hypothesis", "prose"),
        Column("status", "status"),
        Column("reason", "reason", "prose"),
        _SECONDS,
        *(Column(f"fact {name}", clean(fact_label(name)), _style(name, rows)) for name in facts),
        *_CALLS,
    )


def _style(name: str, rows: Sequence[Trial]) -> Style:
    values = [v for row in rows if (v := row.facts.get(name)) is not None]
    if any(isinstance(value, str) for value in values):
        return "text"
    if is_memory(name):
        return "bytes"
    return "count" if all(isinstance(value, int) for value in values) else "decimal"


def trial_sheet(order: Sequence[Trial], rows: Sequence[Trial], columns: Sequence[Column]) -> Sheet:
    """Return the table: all trials by number, or the best if there are too many.

    Args:
        order: the scored trials, best first.
        rows: all that have finished.
        columns: of the table.
    """
    chosen = {row.number for row in order[:SHOWN]}
    shown = rows if len(rows) <= SHOWN else [row for row in rows if row.number in chosen]
    note = "" if len(shown) == len(rows) else f"the best {len(shown):,} of {len(rows):,}"
    return Sheet(
        caption="Trials",
        columns=tuple(columns),
        rows=tuple(tuple(_value(row, column.key) for column in columns) for row in shown),
        note=note,
    )


def _value(row: Trial, key: str) -> object:
    if key == "outcome":
        return "ok" if row.score is not None else trouble(row)
    if key == "reason":
        return shorten(clean(row.message), REASON, placeholder=" …")
    if key in {"parameters", "training_flops"}:
        return getattr(row, key) or None  # a trial without an architecture has none
    kind, _, name = key.partition(" ")
    known: dict[str, Mapping[str, object]] = {"task": row.tasks, "fact": row.facts}
    value = known[kind].get(name) if name else getattr(row, key)
    return clean(value) if isinstance(value, str) else value


def trial_files(rows: Sequence[Trial]) -> tuple[Attachment, ...]:
    """Return all trials as CSV and JSON; what models wrote is cleaned there, too."""
    known = cleaned(rows)
    return (
        Attachment("trials.csv", "text/csv", as_csv(known)),
        Attachment("trials.json", "application/json", as_json(known)),
    )


def cleaned(rows: Sequence[Trial]) -> list[Trial]:
    """Return the trials without characters that act in what models wrote."""
    return [
        replace(row, hypothesis=clean(row.hypothesis), message=clean(row.message)) for row in rows
    ]
