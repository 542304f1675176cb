"""The files of a run folder that people read: the table, the best architectures, picture, page."""

from optuna.trial import FrozenTrial

from aira_dsl.language import to_text
from aira_dsl.report.figures import best_so_far
from aira_dsl.report.html import report_of, write_report
from aira_dsl.space import Space
from aira_dsl.study.journal import Journal
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.selection import best_first
from aira_dsl.study.settings import Limits, SearchSettings
from aira_dsl.study.source import architecture_of
from aira_dsl.study.trials import as_csv, as_json, confirmed, rows
from aira_dsl.utils.files import write_atomically

KEPT = 3  # best.arch, best_2.arch, best_3.arch


def write_run(
    folder: RunFolder, space: Space, settings: SearchSettings, limits: Limits, journal: Journal
) -> None:
    """Write table, best architectures, picture and report for what the journal holds now.

    Raises:
        RunError: E0904, if a file can not be written.
    """
    trials = journal.trials()
    tests: dict[str, float | None] = journal.noted("test_scores", {})
    repeats = journal.noted("repeats", {})
    means = confirmed(repeats)
    table = rows(trials, tests, repeats)
    folder.write("trials.csv", as_csv(table))
    folder.write("trials.json", as_json(table))
    order = best_first(trials, settings.evaluator.direction, winners=limits.winners, means=means)
    for place, trial in enumerate(order[:KEPT], 1):
        name = "best" if place == 1 else f"best_{place}"
        folder.write(f"{name}.arch", _best_text(name, trial, space, settings, (means, tests)))
    title = (
        f"{settings.space['name']}: {settings.searcher}, preset {settings.evaluator.preset}, "
        f"seed {settings.seed}"
    )
    picture = best_so_far(table, title=title, direction=settings.evaluator.direction)
    write_atomically(folder.path / "best_so_far.png", picture)
    write_report(report_of(folder.path), folder.path / "report.html", force=True)


def _best_text(
    name: str,
    trial: FrozenTrial,
    space: Space,
    settings: SearchSettings,
    known: tuple[dict[str, float | None], dict[str, float | None]],
) -> str:
    """Write an architecture with what is known of it as comments."""
    mean, test = (scores.get(trial.user_attrs["fingerprint"]) for scores in known)
    comments = [
        f"# found by {settings.searcher}, trial {trial.number}, seed {settings.seed}, "
        f"preset {settings.evaluator.preset}",
        f"# validation score {trial.value:.4f}"
        + (f", with other seeds {mean:.4f}" if mean is not None else "")
        + (f", test score {test:.4f}" if test is not None else ""),
    ]
    return "\n".join([*comments, to_text(architecture_of(space, trial, name=name))])
