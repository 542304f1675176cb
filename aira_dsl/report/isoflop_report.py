"""What the page of an isoFLOP grid is made of: its fits, its plan, and what may be concluded."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from aira_dsl.errors import InputError
from aira_dsl.report.terminal.isoflop_compared import chance_text, percent
from aira_dsl.scaling.grid.checks import check_plan
from aira_dsl.scaling.grid.folder import PLAN, RUNS_TABLE, TUNING_TABLE
from aira_dsl.scaling.grid.plan import Plan, read_plan
from aira_dsl.scaling.isoflop.analysis import Analysis, fit_isoflop
from aira_dsl.scaling.isoflop.claims import CLAIM
from aira_dsl.scaling.isoflop.compared import Compared
from aira_dsl.scaling.isoflop.fit import RESAMPLES
from aira_dsl.utils.formatting import humanized, listed, plural, short_duration

_NAMED = 8  # pairs that are named one by one


@dataclass(frozen=True)
class IsoflopReport:
    """The content of a page.

    Attributes:
        name: name of the grid, or of the file.
        analysis: the fits.
        plan: the plan; None for a file of runs.
        weaknesses: what the author of the grid has accepted.
        table: content of runs.csv.
        tuning: content of tuning.csv; empty without.
        where: conditions on the runs that are fitted.
    """

    name: str
    analysis: Analysis
    plan: Plan | None
    weaknesses: tuple[str, ...]
    table: str
    tuning: str
    where: tuple[str, ...] = ()

    @property
    def runs(self) -> int:
        """Number of runs that are fitted."""
        return sum(len(each.fit.runs) for each in self.analysis.designs)

    @property
    def planned(self) -> int | None:
        """Number of runs that the fit would have at the end of the grid."""
        if self.plan is None:
            return None
        grid = self.plan.grid
        per_design = sum(len(grid.sizes_of(b)) * len(grid.seeds_of(b)) for b in grid.budgets)
        return per_design * len(grid.designs)

    @property
    def flops(self) -> float:
        """FLOPs of the runs that are fitted."""
        return sum(float(each.fit.runs.flops_R.sum()) for each in self.analysis.designs)


def read_report(
    path: Path,
    *,
    where: Sequence[str] = (),
    reference: str | None = None,
    resamples: int = RESAMPLES,
) -> IsoflopReport:
    """Read the folder of a grid, or a CSV of runs, and fit it.

    Args:
        path: the folder, or the file.
        where: conditions on the runs that are fitted, as for `fit_isoflop`.
        reference: design that others are compared with; None for the first of the grid.
        resamples: number of resamples for the intervals.

    Raises:
        InputError: E1607, the folder has no plan; E1301 to E1307, as for `fit_isoflop`.
    """
    if not path.exists():
        help_text = "name the folder of a grid, or a CSV of training runs"
        raise InputError("E1301", f"there is no file or folder {path}", help=help_text)
    if not path.is_dir():
        analysis = fit_isoflop(path, where=where, reference=reference, resamples=resamples)
        text = path.read_text(encoding="utf-8-sig")
        return IsoflopReport(path.stem, analysis, None, (), text, "", tuple(where))
    plan = read_plan(path / PLAN)
    table = path / RUNS_TABLE
    if not table.exists():
        help_text = f"run `aira-dsl isoflop run {path}` first"
        raise InputError("E1607", f"{table} is not there: nothing was trained", help=help_text)
    first = reference or next(iter(plan.grid.designs))
    analysis = fit_isoflop(table, where=where, reference=first, resamples=resamples)
    tuning = path / TUNING_TABLE
    return IsoflopReport(
        plan.grid.name,
        analysis,
        plan,
        tuple(problem.message for problem in check_plan(plan)),
        table.read_text(encoding="utf-8"),
        tuning.read_text(encoding="utf-8") if tuning.exists() else "",
        tuple(where),
    )


def limits(report: IsoflopReport) -> list[str]:
    """Return what the fits leave out or warn of, as sentences."""
    reading = report.analysis.reading
    left_out = reading.rows - reading.selected
    conditions = ", ".join(report.where)
    said = [f"{plural(left_out, 'run')} left out: only those with {conditions} are fitted."]
    warnings = [
        f"{each.name}: {text}" for each in report.analysis.designs for text in each.warnings
    ]
    return (said if left_out else []) + warnings


def may_conclude(report: IsoflopReport) -> list[str]:
    """Return the significant differences as sentences.

    Best sizes outside of those of the runs are extrapolated: nothing is concluded from them.
    """
    compared = report.analysis.compared
    if compared is None:
        return []
    budget = _largest(compared)
    outside_there = {each.design for each in compared.frontiers if not each.inside_C[-1]}
    best = [
        f"At {budget:.3g} FLOPs, each at its best size, the loss of "
        f"{_ahead(e.first, e.second, e.value[0])} by {abs(e.value[0]):.4f} nats ({_ends(e.value)})."
        for e in compared.losses_C[-1]
        if e.equal == "best" and e.significant and not outside_there & {e.first, e.second}
    ]
    fast = [
        f"At {budget:.3g} FLOPs and at most {short_duration(e.latency)} a token, the loss of "
        f"{_ahead(e.first, e.second, e.value[0])} by {abs(e.value[0]):.4f} nats ({_ends(e.value)})."
        for e in compared.losses_C[-1]
        if e.latency is not None and e.significant
    ]
    outside = _outside(compared)
    slopes = [
        f"Along the frontier the loss of {_steeper(e.first, e.second, e.value[0])} by "
        f"{abs(e.value[0]):.4f} nats a decade of FLOPs ({_ends(e.value)})."
        for e in compared.slopes
        if e.slope == "per_decade" and e.significant and not outside & {e.first, e.second}
    ]
    return [
        *_shortened(best, "losses"),
        *_shortened(fast, "losses at equal latency"),
        *_shortened(slopes, "slopes"),
    ]


def may_not_conclude(report: IsoflopReport) -> list[str]:
    """Return what the runs leave open as sentences."""
    said = [*_scale(report), *(f"{each[:1].upper()}{each[1:]}." for each in report.weaknesses)]
    compared = report.analysis.compared
    if compared is None:
        return said
    for name, words in (("per_decade", "loss against FLOPs"), ("a", "best size against FLOPs")):
        pairs = [each for each in compared.slopes if each.slope == name]
        open_pairs = [f"{e.first} and {e.second}" for e in pairs if not e.significant]
        names = f": {listed(open_pairs, _NAMED)}" if open_pairs else ""
        said.append(
            f"Slopes of the {words} are not significantly different in {len(open_pairs)} of "
            f"{plural(len(pairs), 'pair')}{names}."
        )
    pairs_count = len(compared.frontiers) * (len(compared.frontiers) - 1) // 2
    said.append(
        f"Each interval is for itself: of {plural(pairs_count, 'pair')} without any difference, "
        f"{0.05 * pairs_count:.1f} would be called significant on average."
    )
    if compared.too_slow:
        said.append(
            f"No size of {listed(compared.too_slow)} decodes a token in "
            f"{short_duration(compared.limits[-1])}: at equal latency nothing is said of it."
        )
    if outside := sorted(_outside(compared)):
        said.append(
            f"At some budget the best size of {listed(outside)} lies outside of the sizes: nothing "
            "is concluded of the slope, nor of the loss there."
        )
    misfits = [each.name for each in report.analysis.designs if each.rejected]
    if misfits:
        said.append(
            f"The law does not describe the runs of {listed(misfits)}: they deviate from it more "
            "than seeds explain, and the intervals do not contain that error."
        )
    return said


def claim_sentences(compared: Compared) -> list[str]:
    """Say what three sizes would have claimed, and what chance claims."""
    said = []
    for each in compared.claims:
        values = sorted(each.three.values())
        three = (
            f"{len(values)} of {each.choices} choices of three sizes give a slope, from "
            f"{percent(values[0])} to {percent(values[-1])}"
            if values
            else f"none of {each.choices} choices of three sizes gives a slope"
        )
        large = sum(value >= CLAIM for value in values)
        said.append(
            f"{each.design} against {each.reference}: {percent(each.all_sizes)} by parabolas "
            f"through all sizes, {percent(each.outer)} through the outer and the middle one; "
            f"{three}, {large} of them at least {CLAIM:.0%}."
        )
    said += [f"Chance alone, {chance_text(each)}." for each in compared.chances]
    return said


def _scale(report: IsoflopReport) -> list[str]:
    """Say what the runs are about."""
    runs = [each.fit.runs for each in report.analysis.designs]
    sizes = [float(f(each.params_R)) for each in runs for f in (min, max)]
    flops = [float(f(each.flops_R)) for each in runs for f in (min, max)]
    text = (
        f"Nothing is said beyond {humanized(min(sizes))} to {humanized(max(sizes))} parameters and "
        f"{min(flops):.3g} to {max(flops):.3g} FLOPs, nor of other data, vocabularies or trainings."
    )
    if report.planned is not None and report.runs < report.planned:
        text += f" {report.runs} of {report.planned} planned runs are done."
    return [text]


def _shortened(sentences: list[str], what: str) -> list[str]:
    left = len(sentences) - _NAMED
    more = [f"{left} more pairs differ significantly in their {what}: see the tables."]
    return sentences[:_NAMED] + (more if left > 0 else [])


def _outside(compared: Compared) -> set[str]:
    """Return the designs whose best size at some budget is outside of the sizes of the runs."""
    return {each.design for each in compared.frontiers if not each.inside_C.all()}


def _largest(compared: Compared) -> float:
    return float(compared.frontiers[0].budgets_C[-1])


def _ahead(first: str, second: str, difference: float) -> str:
    low, high = (first, second) if difference < 0 else (second, first)
    return f"{low} is lower than that of {high}"


def _steeper(first: str, second: str, difference: float) -> str:
    fast, slow = (first, second) if difference < 0 else (second, first)
    return f"{fast} falls faster than that of {slow}"


def _ends(value: tuple[float, float, float]) -> str:
    low, high = sorted(abs(each) for each in value[1:])
    return f"{low:.4f} to {high:.4f}"
