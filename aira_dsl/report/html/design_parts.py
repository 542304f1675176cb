"""What the page of a design run shows of the files that were written."""

from collections.abc import Sequence
from dataclasses import replace

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.results_tsv import results_tsv
from aira_dsl.design.run import DesignRun
from aira_dsl.report.html.code_diff import FileDiff, code_diff
from aira_dsl.report.html.text import Attachment
from aira_dsl.report.html.trials import cleaned
from aira_dsl.study.trials import Trial

BEST_LINES, TRIAL_LINES = 1_000, 200
"""Lines of a difference that are shown at most: of the best candidate, and of each trial."""

Diff = tuple[FileDiff, ...]


def best_diff(run: DesignRun) -> Diff:
    """Return how the best candidate differs from the starting files; empty without one."""
    best = run.best
    return () if best is None else _diff(run.start, run.candidate(best), BEST_LINES)


def trial_diffs(run: DesignRun, rows: Sequence[Trial]) -> dict[int, Diff]:
    """Return how each trial differs from its first parent, or from the starting files."""
    files = {row.number: run.candidate(row) for row in rows}
    parents = {row.number: row.parents[0] if row.parents else None for row in rows}
    return {
        number: _diff(_source(run, files, parents[number]), candidate, TRIAL_LINES)
        for number, candidate in files.items()
    }


def _source(
    run: DesignRun, files: dict[int, Candidate | None], parent: int | None
) -> Candidate | None:
    return run.start if parent is None else files.get(parent)


def _diff(before: Candidate | None, after: Candidate | None, shown: int) -> Diff:
    if before is None or after is None:
        return ()
    return code_diff(before.files, after.files, shown=shown)


def design_files(run: DesignRun) -> tuple[Attachment, ...]:
    """Return the log in the columns of karpathy/autoresearch, and the best candidate's files."""
    log = results_tsv(replace(run.result, rows=cleaned(run.rows)))
    best = run.candidate(run.best) if run.best else None
    code = best.files.items() if best else ()
    return (
        Attachment("results.tsv", "text/tab-separated-values", log),
        *(Attachment(path.replace("/", "-"), "text/plain", text) for path, text in code),
    )
