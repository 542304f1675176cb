"""Results of an evaluation on tasks: scores with standard errors, questions, chance."""

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Metric:
    """One score of a task.

    Attributes:
        name: such as `acc`, or `acc_norm`: choices compared by log-likelihood a character.
        value: the score.
        error: its standard error; None where it is not known.
    """

    name: str
    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class TaskScores:
    """Scores of one task.

    Attributes:
        task: name.
        fewshot: number of examples before a question.
        questions: number of questions that were asked.
        available: number that the task has.
        chance: expected accuracy of guessing; None where answers are not chosen from a list.
        metrics: the scores.
    """

    task: str
    fewshot: int
    questions: int
    available: int
    chance: float | None
    metrics: tuple[Metric, ...]

    def metric(self, name: str) -> Metric | None:
        """Return a score by its name."""
        return next((each for each in self.metrics if each.name == name), None)


@dataclass(frozen=True, slots=True)
class TaskFailure:
    """A task without scores.

    Attributes:
        task: name.
        reason: what failed.
    """

    task: str
    reason: str


@dataclass(frozen=True, slots=True)
class SuiteMean:
    """Mean of the tasks of a suite.

    Attributes:
        suite: name.
        name: of the metric.
        value: plain mean.
        error: its standard error, of independent tasks; None if that of a task is not known.
    """

    suite: str
    name: str
    value: float
    error: float | None


@dataclass(frozen=True, slots=True)
class LikelihoodCheck:
    """Comparison of the log-likelihoods of lm-eval with our own.

    Attributes:
        requests: number of log-likelihoods that were computed twice.
        difference: largest absolute difference, in nats.
    """

    requests: int
    difference: float


@dataclass(frozen=True, slots=True)
class Accuracy:
    """Result of `aira-dsl evaluate`.

    Attributes:
        model: folder of the model.
        fingerprint: of its architecture; None for models that aira-dsl did not export.
        tasks: scores of each task.
        failures: tasks without scores.
        means: means of each suite whose tasks all have scores.
        check: comparison with our own log-likelihoods; None without a model of ours.
        seed: of the choice of examples before a question.
        versions: of the packages that computed the scores.
        seconds: wall-clock time.
    """

    model: str
    fingerprint: str | None
    tasks: tuple[TaskScores, ...]
    failures: tuple[TaskFailure, ...]
    means: tuple[SuiteMean, ...]
    check: LikelihoodCheck | None
    seed: int
    versions: dict[str, str]
    seconds: float

    def as_json(self) -> dict[str, Any]:
        """Return everything as values of JSON."""
        return asdict(self)
