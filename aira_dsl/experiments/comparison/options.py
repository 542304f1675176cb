"""Options of a comparison, in groups."""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.agents.models import ProposerName
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.jobs.choice import PoolChoice, RayAddress
from aira_dsl.jobs.pool import Needs
from aira_dsl.sandbox.spec import KindChoice
from aira_dsl.study.options import Effort, SpaceOptions
from aira_dsl.utils.machine import available_cores
from aira_dsl.utils.options import Options, Spelling

RUNS_A_CORE = 4
"""Runs of a comparison on a cluster for each core here."""


class ComparedOptions(SpaceOptions):
    """Searches."""

    seeds: Annotated[int, Field(ge=1, le=1000)] = 5
    """Number of searches of each method."""

    budget: Annotated[int, Field(ge=1, le=1_000_000)] = 40
    """Number of evaluations of each search."""

    preset: PresetName = "cpu"
    """Cost of one evaluation."""

    evaluator: Literal["proxy", "table"] = "proxy"
    """Evaluator: training on proxy tasks, or a benchmark table."""

    repeats: Annotated[int, Field(ge=0, le=100)] = 2
    """Number of other seeds for winners; final scores get one more."""


class ComparedAgentOptions(Options):
    """Agents."""

    proposer: ProposerName = "anthropic"
    """Service that answers the agents that name none."""

    model: Annotated[str, Spelling(metavar="NAME")] | None = None
    """Model of the agents that name no service (default: its own)."""

    effort: Effort | None = None
    """Reasoning effort of the models of services (default: the model's)."""

    free: bool = False
    """Proposals may change block parameters, too."""

    prompts: Path | None = None
    """Folder of prompt files that replace the package's."""

    max_usd: Annotated[float, Field(ge=0.01)] | None = None
    """Maximum cost of all agents together; each run has an equal share."""

    prices: Path | None = None
    """Price table (default: the prices of genai-prices)."""


class ComparedDesignOptions(Options):
    """Tasks."""

    task: Annotated[tuple[str, ...], Spelling(metavar="TASK")] = ()
    """Compare agents that write code for this task; repeatable."""

    size: str | None = None
    """Size of the tasks (default: the first one of each)."""

    start: str | None = None
    """Files that candidates start with: a folder, or a baseline's name (default: the task's)."""

    sandbox: KindChoice = "auto"
    """Sandbox of candidates, as in `design run`."""

    data: Path | None = None
    """Folder of prepared data of tasks (default: in your cache folder)."""

    data_seed: Annotated[int, Field(ge=0, lt=1 << 32)] | None = None
    """Seed of the data of tasks (default: drawn once by this machine)."""

    baseline: Annotated[int, Field(ge=1, le=100)] = 3
    """Number of times that each run judges the starting files of its task."""


class ExecutionOptions(Options):
    """Execution; does not affect results."""

    out: Path
    """Folder of the comparison."""

    jobs: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of runs at a time (default: one a core, of design runs one; with --ray four)."""

    ray: RayAddress | None = None
    """Ray cluster that evaluates, HOST:PORT of its head; without a value the one here."""

    table: Path | None = None
    """Benchmark table of --evaluator table (default: the one in the package)."""

    store: Path | None = None
    """Evaluation store, an SQLite file (default: in your cache folder)."""

    force: bool = False
    """Replace another comparison in --out."""

    def most_jobs(self, needs: Needs) -> int:
        """Return how many runs there are at a time without --jobs.

        A run on a cluster is a process here, which mostly waits for one evaluation there.

        Args:
            needs: of each evaluation.

        Raises:
            UsageError: E1901, E1902, if there is no such cluster.
        """
        cores = available_cores()
        places = PoolChoice(None, self.ray).places(needs)
        return places if self.ray is None else min(places, RUNS_A_CORE * cores)
