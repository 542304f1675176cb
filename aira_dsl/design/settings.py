"""Settings of a design run: which task, at which size, by which agent."""

from aira_dsl.evaluation.direction import Direction
from aira_dsl.study.settings import AgentSettings, RunSettings

_FIRST_TEST_SEED = 1_000_000


class DesignSettings(RunSettings):
    """The identity of a design run.

    Attributes:
        agent: the agent.
        task: name of the task.
        task_identity: hash of the files of the task.
        task_size: name of the size.
        metric: name of the score.
        goal: which way the score gets better.
        start: identity of the files that candidates start with.
        data_seed: seed of the data; None if the machine drew it.
        baseline: number of times that the starting files are judged.
        code_version: version of this package.
    """

    kind = "design"

    agent: AgentSettings
    task: str
    task_identity: str
    task_size: str
    metric: str
    goal: Direction
    start: str
    data_seed: int | None
    baseline: int
    code_version: str

    @property
    def test_seed(self) -> int:
        """Seed of the training that is scored on the test split.

        Neither trials nor repeats have it: where trainings repeat exactly, another seed is what
        keeps the very weights that were chosen from being the ones that are tested.
        """
        return (_FIRST_TEST_SEED + self.seed) % (1 << 32)

    @property
    def subject(self) -> str:
        """Name of the task."""
        return self.task

    @property
    def size(self) -> str:
        """Name of the size."""
        return self.task_size

    @property
    def direction(self) -> Direction:
        """Which way scores get better."""
        return self.goal

    @property
    def tasks(self) -> int:
        """Return 1: a judgement has no parts after which it may be pruned."""
        return 1
