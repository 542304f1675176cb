"""Report of a comparison on tasks: a table over all tasks, and the conclusions on each."""

from pathlib import Path

from aira_dsl.experiments.comparison import DesignComparison, Method
from aira_dsl.report.conclusions import of_comparison
from aira_dsl.report.html import report_of, write_report
from aira_dsl.report.html.design_methods import overall_sheet
from aira_dsl.report.terminal.comparison import interval_text, ranking
from aira_dsl.utils.files import write_atomically
from aira_dsl.utils.formatting import number, plural, score, usd

_ON_THE_PAGE_ONLY = ("many pairs", "scope")


def design_comparison_text(found: DesignComparison) -> str:
    """Describe a comparison on tasks for people; the best method of each task first."""
    lines = [
        f"{', '.join(found.tasks)}: {plural(len(found.seeds), 'run')} of each method and task, "
        f"{plural(found.budget, 'candidate')} each",
    ]
    if found.scripted:
        lines.append("no language model took part: the answers were recorded")
    width = max(map(len, [*found.methods, "method"]))
    lines += ["", _heads(width), *(_line(found, name, width) for name in found.methods)]
    for task, each in found.tasks.items():
        better = "higher" if each.direction.sign > 0 else "lower"
        lines += [
            "",
            f"{task} ({each.preset}): {each.measure} on the test split, {better} is better",
        ]
        for name in ranking(each):
            lines.append(f"{name:<{width}}  {_result(each.methods[name])}")
        drawn = of_comparison(each)
        lines += ["", *(c.sentence for c in drawn if c.kind not in _ON_THE_PAGE_ONLY)]
    return "\n".join(lines) + "\n"


def write_design_comparison(folder: Path, found: DesignComparison) -> None:
    """Write `methods.csv` and the page beside `comparison.json`.

    Raises:
        RunError: E0904, if one cannot be written.
    """
    table, _ = overall_sheet(found).files
    write_atomically(folder / "methods.csv", table.text)
    write_report(report_of(folder), folder / "report.html", force=True)


def _result(method: Method) -> str:
    """Say the final score of a method on a task, and what it gained over the baseline."""
    count = plural(len(method.runs), "run")
    final = f"{interval_text(method.final, '.4f'):>24}"
    gains = [run.gain for run in method.runs if run.gain is not None]
    if not gains:
        return f"{final}  gain over the baseline unknown: no test score in {count}"
    improved = sum(bool(run.improved) for run in method.runs)
    return (
        f"{final}  gain over the baseline {score(max(gains))} at most, "
        f"{improved} of {count} beyond noise"
    )


def _heads(width: int) -> str:
    return (
        f"{'method':<{width}}  {'valid runs':>16}  {'valid candidates':>16}  "
        f"{'normalised':>16}  {'improved':>8}  {'tokens':>9}  {'USD':>8}  {'seconds':>8}"
    )


def _line(found: DesignComparison, name: str, width: int) -> str:
    each = found.methods[name]
    return (
        f"{name:<{width}}  {interval_text(each.valid_runs, '.2f'):>16}  "
        f"{interval_text(each.valid_candidates, '.2f'):>16}  "
        f"{interval_text(each.normalised, '.2f'):>16}  "
        f"{each.improved.mean:>8.0%}  {number(each.tokens, ',.0f'):>9}  {usd(each.usd):>8}  "
        f"{number(each.seconds, ',.0f'):>8}"
    )
