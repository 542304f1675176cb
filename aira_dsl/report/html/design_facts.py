"""The numbers of a design run's page: all that it says, as values that are JSON."""

from dataclasses import dataclass

from aira_dsl.design.improvement import margin
from aira_dsl.design.judgement import Fact
from aira_dsl.design.run import DesignRun
from aira_dsl.experiments.comparison.summary import finished
from aira_dsl.report.conclusions import of_design, verdict_sentence
from aira_dsl.report.html.run_facts import RunFacts, Winner, run_facts, winner
from aira_dsl.report.html.text import as_sentence, clean
from aira_dsl.study.trials import Trial


@dataclass(frozen=True)
class Design(Winner):
    """One of the best candidates.

    Attributes:
        folder: its folder in the run folder.
        facts: what the judge measured.
        verdict: whether it is better than the baseline; empty without repeats.
    """

    folder: str
    facts: dict[str, Fact]
    verdict: str


@dataclass(frozen=True)
class DesignFacts(RunFacts[Design]):
    """What is known of a design run.

    Attributes:
        task, size, metric: what was written for.
        model: that wrote.
        sandboxes: in which candidates ran.
        data_seed: seed of the data; None if the machine drew it.
        task_identity, code_version: of the task and of this package.
        baseline: scores of the starting files by seed.
        baseline_mean: their mean.
        floor: difference from it below which one score is not an improvement; None if the noise is
            not known.
        valid: candidates with a score.
        verdict: the conclusions, in sentences.
    """

    task: str
    size: str
    metric: str
    model: str
    sandboxes: tuple[str, ...]
    data_seed: int | None
    task_identity: str
    code_version: str
    baseline: dict[str, float]
    baseline_mean: float | None
    floor: float | None
    valid: int
    verdict: tuple[str, ...]


def design_facts(run: DesignRun) -> DesignFacts:
    """Read off a design run what its page says."""
    settings, found = run.settings, run.result
    done = finished(run)
    sandboxes = {clean(str(row.facts["sandbox"])) for row in done if "sandbox" in row.facts}
    return DesignFacts(
        **vars(run_facts(run, lambda row: _design(run, row))),
        task=clean(settings.task),
        size=clean(settings.task_size),
        metric=clean(settings.metric),
        model=clean(settings.agent.model),
        sandboxes=tuple(sorted(sandboxes)),
        data_seed=settings.data_seed,
        task_identity=settings.task_identity,
        code_version=settings.code_version,
        baseline=dict(run.baseline),
        baseline_mean=found.mean_baseline,
        floor=margin(run.noise, 1, len(run.baseline)) if run.noise and run.baseline else None,
        valid=sum(row.score is not None for row in done),
        verdict=tuple(map(as_sentence, of_design(found))),
    )


def against_baseline(row: Trial, found: DesignFacts) -> str:
    """Say how one score compares with the baseline; empty without a score or a baseline."""
    if row.score is None or found.baseline_mean is None:
        return ""
    gain = found.direction.sign * (row.score - found.baseline_mean)
    if found.floor is not None and abs(gain) <= found.floor:
        return "within noise of the baseline"
    return f"{abs(gain):.4f} {'better' if gain > 0 else 'worse'} than the baseline"


def _design(run: DesignRun, row: Trial) -> Design:
    gain = run.result.improvement(row)
    return Design(
        **vars(winner(row)),
        folder=f"candidates/{row.fingerprint[:12]}",
        facts={clean(name): clean(v) if isinstance(v, str) else v for name, v in row.facts.items()},
        verdict=verdict_sentence(gain) if gain else "",
    )
