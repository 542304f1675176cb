"""The files of a design run that people read: the table, the best candidates, picture, page."""

import json
import shutil
import tempfile
from collections.abc import Mapping
from pathlib import Path

from aira_dsl.design.candidate import Candidate
from aira_dsl.design.plan import DesignPlan
from aira_dsl.design.result import DesignResult
from aira_dsl.design.results_tsv import results_tsv
from aira_dsl.design.run import BASELINE, START, TASK, Scale, candidate_folder
from aira_dsl.report.figures import best_so_far
from aira_dsl.report.html import report_of, write_report
from aira_dsl.study.noise import NOISE, noise_text
from aira_dsl.study.selection import rank
from aira_dsl.study.session import Session
from aira_dsl.study.trials import Trial, as_csv, as_json
from aira_dsl.utils.files import TEMPORARY, reporting, write_atomically
from aira_dsl.utils.formatting import score

KEPT = 3  # best/, best_2/, best_3/


def write_design_run(session: Session[DesignPlan]) -> None:
    """Write table, noise, baseline, candidates, picture and report of the trials so far.

    Raises:
        RunError: E0904, if a file cannot be written.
    """
    folder, journal, plan = session.folder, session.journal, session.plan
    found = plan.result(journal, folder.path, winners=session.limits.winners, ended="")
    folder.write("trials.csv", as_csv(found.rows))
    folder.write("trials.json", as_json(found.rows))
    folder.write("results.tsv", results_tsv(found))
    folder.write(NOISE, noise_text(found.noise))
    measured = {"scores": found.baseline, "peak_memory_bytes": found.baseline_memory}
    folder.write(BASELINE, json.dumps(measured, indent=1) + "\n")
    scale = Scale.of(plan.task, plan.settings.task_size)
    folder.write(TASK, scale.model_dump_json(indent=1) + "\n")
    _write_files(folder.path / START, plan.start.files)
    for trial in found.rows:
        files = journal.snapshot[trial.number].user_attrs.get("files")
        if files is not None:
            _write_files(candidate_folder(folder.path, trial.fingerprint), files)
    for place, trial in enumerate(rank(found.rows, found.settings.direction)[:KEPT], 1):
        files = journal.snapshot[trial.number].user_attrs["files"]
        name = "best" if place == 1 else f"best_{place}"
        _write_files(folder.path / name, files, replace=True)
        write_atomically(folder.path / name / "RESULT.txt", _result(trial, found))
    title = f"{plan.task.name} ({plan.settings.task_size}): {plan.settings.searcher}"
    picture = best_so_far(found.rows, title=title, direction=found.settings.direction)
    write_atomically(folder.path / "best_so_far.png", picture)
    write_report(report_of(folder.path), folder.path / "report.html", force=True)


def _write_files(place: Path, files: Mapping[str, str], *, replace: bool = False) -> None:
    """Write a candidate into a folder of the run folder, unless it is there."""
    if place.exists() and not replace:
        return
    with reporting(f"{place} cannot be written"):
        place.parent.mkdir(exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=TEMPORARY, dir=place.parent))
        try:
            made.chmod(0o755)
            Candidate(files).write(made)
            if place.exists():
                shutil.rmtree(place)
            made.rename(place)
        finally:
            shutil.rmtree(made, ignore_errors=True)


def _result(trial: Trial, found: DesignResult) -> str:
    """Say what the files in a folder are."""
    settings = found.settings
    lines = [
        f"trial {trial.number} of {settings.searcher} on {settings.task} ({settings.task_size}), "
        f"seed {settings.seed}",
        f"{settings.metric}: {score(trial.score)}",
    ]
    if trial.confirmed is not None:
        lines.append(f"with other seeds: {score(trial.confirmed)}")
    if trial.test_score is not None:
        lines.append(f"on the test split: {score(trial.test_score)}")
    if trial.hypothesis:
        lines.append(f"hypothesis: {trial.hypothesis}")
    return "\n".join(lines) + "\n"
