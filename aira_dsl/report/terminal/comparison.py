"""Report of a comparison: the table of methods, conclusions, files for other programs."""

import csv
import io
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from aira_dsl.evaluation.direction import Direction
from aira_dsl.experiments.comparison import Comparison, Interval, Method, RunSummary
from aira_dsl.report.conclusions import of_comparison
from aira_dsl.report.html import report_of, write_report
from aira_dsl.utils.files import write_atomically
from aira_dsl.utils.formatting import interval, number, plural

BASELINE = "random"
_ON_THE_PAGE_ONLY = ("many pairs", "scope")

Value = Callable[[RunSummary], float | int | None]

_MEANS: dict[str, Value] = {
    "final_validation": lambda run: run.final_validation,
    "final_confirmed": lambda run: run.final_confirmed,
    "valid_rate": lambda run: run.valid_rate,
    "first_try_rate": lambda run: run.first_try_rate,
    "duplicates": lambda run: run.duplicates,
    "distinct": lambda run: run.distinct,
    "hamming": lambda run: run.hamming,
    "calls": lambda run: run.calls,
    "tokens": lambda run: run.tokens,
    "usd": lambda run: run.usd,
    "seconds": lambda run: run.seconds,
    "cached": lambda run: run.cached,
}
"""What is shown of a method as the mean over its runs."""


def comparison_text(comparison: Comparison) -> str:
    """Describe a comparison for people; the best method first."""
    order, drawn = ranking(comparison), of_comparison(comparison)
    lines = [
        f"{comparison.space}: {plural(len(comparison.seeds), 'run')} of each method, "
        f"{comparison.budget} evaluations each; preset {comparison.preset}",
        "test: test score of the best architecture of each run, mean over runs, 95 % interval",
        "",
        _heads(order),
        *(_line(name, comparison) for name in order),
        "",
        *(each.sentence for each in drawn if each.kind not in _ON_THE_PAGE_ONLY),
    ]
    return "\n".join(lines) + "\n"


def write_comparison(folder: Path, comparison: Comparison) -> None:
    """Write `curves.csv`, `methods.csv`, `curves.png` and the page beside `comparison.json`.

    Raises:
        RunError: E0904, if one cannot be written.
    """
    write_atomically(folder / "curves.csv", curves_csv(comparison))
    write_atomically(folder / "methods.csv", methods_csv(comparison))
    write_atomically(folder / "curves.png", curves_picture(comparison))
    write_report(report_of(folder), folder / "report.html", force=True)


def ranking(comparison: Comparison) -> list[str]:
    """Return the methods, best mean test score first; those without one last."""

    def place(name: str) -> tuple[bool, float]:
        final = comparison.methods[name].final
        return final is None, 0.0 if final is None else -comparison.direction.sign * final.mean

    return sorted(comparison.methods, key=place)


def interval_text(found: Interval | None, form: str) -> str:
    """Write a mean over runs with its interval; nothing for None."""
    return "" if found is None else interval(found.mean, found.low, found.high, form)


def curves_csv(comparison: Comparison) -> str:
    """Return one line an evaluation of each run: the best validation score so far."""
    return _csv(
        ["method", "seed", "evaluation", "best_so_far"],
        (
            [name, run.seed, place, score]
            for name, method in comparison.methods.items()
            for run in method.runs
            for place, score in enumerate(run.best_so_far, 1)
        ),
    )


def methods_csv(comparison: Comparison) -> str:
    """Return one line a method: the final score, and means over its runs."""
    heads = ["method", "runs"]
    for name in ("final_test", "normalised", f"beats_{BASELINE}"):
        heads += [name, f"{name}_low", f"{name}_high"]
    return _csv(
        [*heads, *_MEANS],
        (
            [
                name,
                len(method.runs),
                *_numbers(method.final),
                *_numbers(method.normalised),
                *_numbers(comparison.beats[name].get(BASELINE)),
                *(_mean(method, value) for value in _MEANS.values()),
            ]
            for name, method in comparison.methods.items()
        ),
    )


def curves_picture(comparison: Comparison) -> bytes:
    """Draw the mean of the best so far against the evaluations spent, with intervals; a PNG."""
    from matplotlib.figure import Figure  # half a second; not pyplot: it holds global state

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    for name in ranking(comparison):
        known = [(n, at) for n, at in enumerate(comparison.methods[name].curve, 1) if at]
        if known:
            places = [place for place, _ in known]
            (line,) = axes.plot(places, [at.mean for _, at in known], label=name, linewidth=2)
            lows, highs = [at.low for _, at in known], [at.high for _, at in known]
            axes.fill_between(places, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(
        xlabel="evaluations",
        ylabel="best validation score so far"
        if comparison.direction is Direction.MAXIMIZE
        else "lowest bits per byte so far",
        title=f"{comparison.space}: {len(comparison.seeds)} runs each, mean and 95 % interval",
    )
    axes.locator_params(axis="x", integer=True)
    axes.grid(alpha=0.25)
    if axes.lines:
        axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()


def _heads(names: Sequence[str]) -> str:
    width = max(map(len, [*names, "method"]))
    return (
        f"{'method':<{width}}  {'test':>22}  {'validation':>10}  {'normalised':>10}  "
        f"{'beats ' + BASELINE:>18}  {'valid':>5}  {'dupl.':>5}  {'distinct':>8}  {'Hamming':>7}  "
        f"{'tokens':>9}  {'USD':>6}  {'seconds':>8}"
    )


def _line(name: str, comparison: Comparison) -> str:
    method = comparison.methods[name]
    width = max(map(len, [*comparison.methods, "method"]))
    mean = {key: _mean(method, value) for key, value in _MEANS.items()}
    normalised = method.normalised.mean if method.normalised else None
    return (
        f"{name:<{width}}  {interval_text(method.final, '.4f'):>22}  "
        f"{number(mean['final_validation'], '.4f'):>10}  {number(normalised, '.2f'):>10}  "
        f"{interval_text(comparison.beats[name].get(BASELINE), '.2f'):>18}  "
        f"{number(mean['valid_rate'], '.0%'):>5}  {number(mean['duplicates'], '.1f'):>5}  "
        f"{number(mean['distinct'], '.1f'):>8}  {number(mean['hamming'], '.2f'):>7}  "
        f"{number(mean['tokens'], ',.0f'):>9}  {number(mean['usd'], '.2f'):>6}  "
        f"{number(mean['seconds'], ',.0f'):>8}"
    )


def _mean(method: Method, value: Value) -> float | None:
    """Return the mean over the runs that have a value."""
    known = [each for each in map(value, method.runs) if each is not None]
    return sum(known) / len(known) if known else None


def _numbers(found: Interval | None) -> tuple[float | None, ...]:
    return (None,) * 3 if found is None else (found.mean, found.low, found.high)


def _csv(heads: Sequence[str], lines: Iterable[Sequence[object]]) -> str:
    text = io.StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(heads)
    writer.writerows(lines)
    return text.getvalue()
