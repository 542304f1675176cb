"""A comparison's tables: methods, pairs of them, runs, slots, curves."""

import statistics
from collections.abc import Iterable

from aira_dsl.experiments.comparison import Comparison, Method, RunSummary
from aira_dsl.report.html.text import Column, Sheet, clean

_EFFORT = (
    Column("valid_rate", "usable", "share"),
    Column("first_try_rate", "at once", "share"),
    Column("duplicates", "duplicates", "decimal"),
    Column("distinct", "distinct", "decimal"),
    Column("hamming", "Hamming", "decimal"),
    Column("entropy", "entropy, bits", "decimal"),
    Column("calls", "calls", "decimal"),
    Column("tokens", "tokens", "decimal"),
    Column("usd", "cost", "usd"),
    Column("seconds", "seconds", "decimal"),
)


def method_sheet(found: Comparison) -> Sheet:
    """Return one row a method: its final score, and the means over its runs of what it took."""
    columns = (
        Column("method", "method"),
        Column("runs", "runs", "count"),
        Column("final", "final test", "score"),
        Column("low", "low", "score"),
        Column("high", "high", "score"),
        Column("normalised", "normalised", "decimal"),
        *_EFFORT,
    )
    rows = tuple(
        (
            clean(name),
            len(method.runs),
            *_interval(method),
            method.normalised.mean if method.normalised else None,
            *(_mean(_effort(run, column.key) for run in method.runs) for column in _EFFORT),
        )
        for name, method in found.methods.items()
    )
    return Sheet("Methods, means over their runs", columns, rows, name="methods")


def _interval(method: Method) -> tuple[float | None, float | None, float | None]:
    if method.final is None:
        return None, None, None
    return method.final.mean, method.final.low, method.final.high


def _effort(run: RunSummary, key: str) -> float | None:
    if key == "entropy":
        return statistics.mean(run.entropy_per_slot) if run.entropy_per_slot else None
    value: float | None = getattr(run, key)
    return value


def _mean(values: Iterable[float | None]) -> float | None:
    """Return the mean of all; None if one is not known, since the others do not stand for it."""
    known = list(values)
    return statistics.mean(v for v in known if v is not None) if None not in known else None


def run_sheet(found: Comparison) -> Sheet:
    """Return one row a run."""
    columns = (
        Column("method", "method"),
        Column("seed", "seed", "number"),
        Column("trials", "trials", "count"),
        Column("pattern", "best layers", "mono"),
        Column("parameters", "parameters", "count"),
        Column("final_validation", "validation", "score"),
        Column("final_confirmed", "repeats", "score"),
        Column("final", "final test", "score"),
        *_EFFORT,
        Column("cached", "from store", "count"),
    )
    own = [column.key for column in columns[1:]]
    rows = tuple(
        (
            clean(name),
            *(clean(v) if isinstance(v := _value(run, key), str) else v for key in own),
        )
        for name, method in found.methods.items()
        for run in method.runs
    )
    return Sheet("Runs", columns, rows, name="runs")


def _value(run: RunSummary, key: str) -> object:
    return _effort(run, key) if key == "entropy" else getattr(run, key)


def pair_sheet(found: Comparison) -> Sheet:
    """Return one row for every two methods, the one that was named first first."""
    columns = (
        Column("a", "a"),
        Column("b", "b"),
        Column("beats", "a beats b", "decimal"),
        Column("beats_low", "low", "decimal"),
        Column("beats_high", "high", "decimal"),
        Column("difference", "a minus b", "score"),
        Column("difference_low", "low", "score"),
        Column("difference_high", "high", "score"),
        Column("noise_floor", "noise floor", "score"),
    )
    names = list(found.methods)
    rows = tuple(
        (clean(a), clean(b), *_pair(found, a, b))
        for place, a in enumerate(names)
        for b in names[place + 1 :]
    )
    return Sheet("Pairs of methods", columns, rows, name="pairs")


def _pair(found: Comparison, a: str, b: str) -> tuple[float | None, ...]:
    beats, difference = found.beats[a][b], found.differences[a][b]
    gap = (difference.mean, difference.low, difference.high) if difference else (None, None, None)
    return beats.mean, beats.low, beats.high, *gap, found.noise_floor[a][b]


def entropy_sheet(found: Comparison) -> Sheet:
    """Return the entropy of every slot, its mean over the runs of a method."""
    slots = range(found.slots)
    columns = (
        Column("method", "method"),
        *(Column(f"slot_{slot + 1}", f"{slot + 1}", "decimal") for slot in slots),
    )
    rows = tuple(
        (
            clean(name),
            *(_mean(_in_slot(run, slot) for run in method.runs) for slot in slots),
        )
        for name, method in found.methods.items()
    )
    return Sheet("Entropy of the blocks in each slot, bits", columns, rows, name="entropy")


def _in_slot(run: RunSummary, slot: int) -> float | None:
    return run.entropy_per_slot[slot] if slot < len(run.entropy_per_slot) else None


def curve_sheet(found: Comparison) -> Sheet:
    """Return the curves, point by point."""
    columns = (
        Column("method", "method"),
        Column("evaluations", "evaluations", "count"),
        Column("mean", "mean", "score"),
        Column("low", "low", "score"),
        Column("high", "high", "score"),
    )
    rows = tuple(
        (clean(name), place, point.mean, point.low, point.high)
        for name, method in found.methods.items()
        for place, point in enumerate(method.curve, 1)
        if point is not None
    )
    return Sheet("Best so far", columns, rows, name="curves")
