"""A comparison as a value and as `comparison.json`: all that a report of it needs.

Scores are as the evaluator gave them; `direction` says which way they get better. What the numbers
mean and how they are computed: docs/compare.md.
"""

from pathlib import Path
from typing import Literal

from pydantic import BaseModel, ConfigDict

from aira_dsl.evaluation.direction import Direction
from aira_dsl.utils.files import write_atomically

FILE = "comparison.json"


class Record(BaseModel):
    """A part of a comparison."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class Interval(Record):
    """A mean over runs with its 95 % bootstrap interval.

    Attributes:
        mean: over the runs that have a value.
        low, high: the interval; both the mean, if there is one run.
    """

    mean: float
    low: float
    high: float


class RunSummary(Record):
    """One search of a comparison.

    Attributes:
        seed: of the search and of its evaluations.
        folder: the run folder, relative to the comparison's folder.
        trials: finished trials.
        scores: validation score of every trial, in order; None for one without.
        best_so_far: the best of them after each evaluation of the budget, None before the first. A
            run that ended early keeps its last value.
        fingerprint: the architecture that the run names the best; None if no trial got a score.
        pattern: its layers in the pattern notation; empty without one.
        parameters: its learnable parameters without embedding and head; None without one.
        final_validation: the score for which it was chosen.
        final_confirmed: its mean validation score with other seeds.
        final_test: its scores on the test split, one for each test seed; None where it failed.
        valid_rate: share of the trials with a usable architecture, 0 to 1.
        first_try_rate: share of the trials whose first call drew no complaint; None without calls.
        duplicates: proposals that repeated an arrangement, rejected ones included.
        distinct: different arrangements.
        hamming: mean share of slots in which two different arrangements differ, 0 to 1; None for
            fewer than two.
        entropy_per_slot: of the block names over the different arrangements, in bits.
        calls: questions to the proposer.
        tokens: of all calls.
        usd: what they cost; None if a price is not known.
        seconds: what the evaluations take when they are computed: what the run is charged.
        cached: evaluations that the store answered.
        normalised: final score on the normalised scale; None if the scale is not defined.
        valid_candidates: of a design run: share of the trials with a score, 0 to 1.
        gain: of a design run: how much better than the baseline its best candidate is, measured
            with other seeds; negative if it is worse, None if it was not repeated.
        improved: of a design run: whether the gain is more than noise.
    """

    seed: int
    folder: str
    trials: int
    scores: tuple[float | None, ...]
    best_so_far: tuple[float | None, ...]
    fingerprint: str | None
    pattern: str
    parameters: int | None
    final_validation: float | None
    final_confirmed: float | None
    final_test: tuple[float | None, ...]
    valid_rate: float
    first_try_rate: float | None
    duplicates: int
    distinct: int
    hamming: float | None
    entropy_per_slot: tuple[float, ...]
    calls: int
    tokens: int
    usd: float | None
    seconds: float
    cached: int
    normalised: float | None = None
    valid_candidates: float | None = None
    gain: float | None = None
    improved: bool | None = None

    @property
    def final(self) -> float | None:
        """Mean score on the test split; None if it failed with one of the seeds."""
        scores = [score for score in self.final_test if score is not None]
        complete = scores and len(scores) == len(self.final_test)
        return sum(scores) / len(scores) if complete else None


class Method(Record):
    """All runs of one method, and what they say together.

    Attributes:
        runs: one a seed, in order of the seeds.
        curve: best validation score so far after each evaluation, over the runs; None while a run
            has no score yet.
        final: test score of what the runs name the best, over the runs that have one.
        normalised: the same on the normalised scale, a run without a score counting 0; None if the
            scale is not defined.
    """

    runs: tuple[RunSummary, ...]
    curve: tuple[Interval | None, ...]
    final: Interval | None
    normalised: Interval | None

    @property
    def scored(self) -> int:
        """Number of runs with a final score."""
        return sum(run.final is not None for run in self.runs)


class Comparison(Record):
    """Methods compared on equal budgets.

    Attributes:
        format: of the file.
        space: name of the space, or of the task.
        slots: its layers; 0 for a task.
        constraints: rules in text form.
        preset: of the evaluator, or size of the task.
        objective: `mad` or `language`; `design` for a task.
        metric: name of the score of a task.
        direction: `maximize` or `minimize`: which way scores get better.
        budget: evaluations of each run.
        seeds: of the runs.
        test_seeds: with which the named architectures were trained for the test split.
        evaluator_identity: hash of the evaluator's settings.
        code_version: hash of the code that decided the numbers, or such as `table 1f3a…`.
        noise: standard deviation of one score between seeds, the shift common to a seed
            removed; None if it is not known.
        noise_basis: the data that the noise was measured from, in words.
        worst: the worst final test score of all runs: 0 on the normalised scale.
        reference: the best known score: 1 on the normalised scale.
        methods: by name, in the order asked for.
        beats: [a][b]: probability that a run of `a` ends better than one of `b`, ties half.
        differences: [a][b]: mean final test score of `a` minus that of `b`; None without scores.
        noise_floor: [a][b]: the absolute difference that the noise of the final scores alone stays
            below with 95 % probability; None if the noise is not known.
    """

    format: Literal[1] = 1
    space: str
    slots: int
    constraints: tuple[str, ...]
    preset: str
    objective: Literal["mad", "language", "design"]
    metric: str = ""
    direction: Direction
    budget: int
    seeds: tuple[int, ...]
    test_seeds: tuple[int, ...]
    evaluator_identity: str
    code_version: str
    noise: float | None
    noise_basis: str = ""
    worst: float | None
    reference: float | None
    methods: dict[str, Method]
    beats: dict[str, dict[str, Interval]]
    differences: dict[str, dict[str, Interval | None]]
    noise_floor: dict[str, dict[str, float | None]]

    @property
    def measure(self) -> str:
        """Name of the score."""
        known = {"mad": "validation score", "language": "bits per byte"}
        return known.get(self.objective, self.metric)

    def differ(self, a: str, b: str) -> bool:
        """Return whether the final scores of two methods differ significantly.

        That is: the interval of the difference does not contain 0, the difference is above the
        noise floor, and each method has two scored runs at least.
        """
        difference, floor = self.differences[a][b], self.noise_floor[a][b]
        if difference is None or difference.low <= 0 <= difference.high:
            return False
        if min(self.methods[a].scored, self.methods[b].scored) < 2:
            return False
        return floor is None or abs(difference.mean) > floor

    def write(self, folder: str | Path) -> None:
        """Write `comparison.json` in one step.

        Raises:
            RunError: E0904, if it cannot be written.
        """
        write_atomically(Path(folder) / FILE, self.model_dump_json(indent=1) + "\n")
