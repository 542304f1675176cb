"""A comparison of methods that write code, over one or several tasks."""

from pathlib import Path
from typing import Literal

from aira_dsl.experiments.comparison.record import FILE, Comparison, Interval, Record
from aira_dsl.utils.files import write_atomically


class Overall(Record):
    """What all runs of a method say together; every task counts the same.

    Attributes:
        runs: number of runs.
        valid_runs: share of the runs with a valid result: a candidate with a test score.
        valid_candidates: share of the candidates with a score.
        normalised: mean of the normalised scores, a run without a score counting 0; None if no task
            has a scale.
        improved: share of the runs whose best candidate is better than the baseline beyond noise.
        tokens: of all calls of a run.
        usd: what they cost; None if a price is not known.
        seconds: what the judgements of a run take.
    """

    runs: int
    valid_runs: Interval
    valid_candidates: Interval
    normalised: Interval | None
    improved: Interval
    tokens: float
    usd: float | None
    seconds: float


class DesignComparison(Record):
    """Methods compared on tasks, with equal budgets.

    Attributes:
        kind: of the comparison.
        format: of the file.
        budget: candidates of each run.
        seeds: of the runs.
        methods: by name, in the order asked for.
        tasks: the comparison on each task, by its name.
        scripted: whether no language model had a part in any run.
    """

    kind: Literal["design"] = "design"
    format: Literal[1] = 1
    budget: int
    seeds: tuple[int, ...]
    methods: dict[str, Overall]
    tasks: dict[str, Comparison]
    scripted: bool

    def write(self, folder: str | Path) -> None:
        """Write `comparison.json` in one step; as `Comparison.write`."""
        write_atomically(Path(folder) / FILE, self.model_dump_json(indent=1) + "\n")
