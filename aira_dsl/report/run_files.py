"""The files of a run folder that people read: the table, the best architectures, picture, page."""

from aira_dsl.architecture import Architecture
from aira_dsl.language import to_text
from aira_dsl.report.figures import best_so_far
from aira_dsl.report.html import report_of, write_report
from aira_dsl.study.arrangements import architecture_of
from aira_dsl.study.noise import NOISE, noise_of, noise_text
from aira_dsl.study.plan import SearchPlan
from aira_dsl.study.selection import rank
from aira_dsl.study.session import Session
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.trials import Trial, as_csv, as_json
from aira_dsl.utils.files import write_atomically

KEPT = 3  # best.arch, best_2.arch, best_3.arch


def write_run(session: Session[SearchPlan]) -> None:
    """Write table, noise, best architectures, picture and report of the trials so far.

    Raises:
        RunError: E0904, if a file cannot be written.
    """
    folder, journal, plan = session.folder, session.journal, session.plan
    settings = plan.settings
    table = journal.records(session.limits.winners)
    folder.write("trials.csv", as_csv(table))
    folder.write("trials.json", as_json(table))
    folder.write(NOISE, noise_text(noise_of(table, settings.evaluator, plan.table)))
    frozen = journal.snapshot
    for place, trial in enumerate(rank(table, settings.evaluator.direction)[:KEPT], 1):
        name = "best" if place == 1 else f"best_{place}"
        architecture = architecture_of(plan.space, frozen[trial.number], name=name)
        folder.write(f"{name}.arch", _best_text(architecture, trial, settings))
    title = (
        f"{settings.space['name']}: {settings.searcher}, preset {settings.evaluator.preset}, "
        f"seed {settings.seed}"
    )
    picture = best_so_far(table, title=title, direction=settings.evaluator.direction)
    write_atomically(folder.path / "best_so_far.png", picture)
    write_report(report_of(folder.path), folder.path / "report.html", force=True)


def _best_text(architecture: Architecture, trial: Trial, settings: SearchSettings) -> str:
    """Write an architecture with its scores as comments."""
    mean, test = trial.confirmed, trial.test_score
    comments = [
        f"# found by {settings.searcher}, trial {trial.number}, seed {settings.seed}, "
        f"preset {settings.evaluator.preset}",
        f"# validation score {trial.score:.4f}"
        + (f", with other seeds {mean:.4f}" if mean is not None else "")
        + (f", test score {test:.4f}" if test is not None else ""),
    ]
    return "\n".join([*comments, to_text(architecture)])
