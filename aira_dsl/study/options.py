"""Options of a search, in groups; `SearchOptions` has them all.

The command line, `aira_dsl.search`, the settings of a run folder and docs/options.md are made from
these models. None stands for a default that depends on other options or on the machine.
"""

from pathlib import Path
from typing import Annotated, Literal

from pydantic import Field

from aira_dsl.agents.models import ProposerName
from aira_dsl.agents.policies import PolicyName
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.choices import Objective, PresetName
from aira_dsl.jobs.choice import ClusterOptions
from aira_dsl.study.samplers.families import SamplerName
from aira_dsl.utils.machine import DeviceChoice, PrecisionChoice
from aira_dsl.utils.options import Bytes, Options, Seconds, Spelling

Effort = Literal["low", "medium", "high", "xhigh", "max"]

Seed = Annotated[int, Field(ge=0, lt=1 << 32)]

PrunedShare = Annotated[float, Field(ge=0, lt=1)]


class SpaceOptions(Options):
    """Space."""

    where: Annotated[tuple[str, ...], Spelling(metavar="CONSTRAINT")] = ()
    """Constraint such as A<=4, parameters<=1_050_000 (no embeddings) or kv<=512M; repeatable."""


class MethodOptions(Options):
    """Search method."""

    method: Literal["optuna", "agent"] = "optuna"
    """Search method: an Optuna sampler, or an agent that asks a language model."""

    sampler: SamplerName | None = None
    """Sampler of --method optuna (default: gp up to 300 evaluations, else tpe)."""

    seed: Seed = 0
    """Seed of the sampler or policy, and of every evaluation."""

    prune: PrunedShare = 0.25
    """Worst fraction of trials that is pruned after two tasks or more; 0 disables pruning."""


class AgentIdentityOptions(Options):
    """Options of an agent that make it another agent."""

    policy: PolicyName | None = None
    """Agent policy (default: greedy)."""

    proposer: ProposerName | None = None
    """Service that answers the agent (default: anthropic)."""

    model: str | None = None
    """Model of the proposer (default: its own)."""

    effort: Effort | None = None
    """Reasoning effort of the model (default: the model's)."""

    repairs: Annotated[int, Field(ge=0, le=10)] = 2
    """Number of times that a rejected proposal is returned to the model."""

    free: bool = False
    """Proposals may change block parameters, too."""


class AgentOptions(AgentIdentityOptions):
    """Agent."""

    base_url: str | None = None
    """URL of another endpoint with the protocol of the proposer."""

    max_output: Annotated[int, Field(ge=256)] | None = None
    """Maximum tokens of one answer, thinking included."""

    prompts: Path | None = None
    """Folder of prompt files that replace the package's."""

    max_usd: Annotated[float, Field(ge=0)] | None = None
    """Maximum cost: the search ends before a call that could exceed it."""

    max_tokens: Annotated[int, Field(ge=1)] | None = None
    """Maximum tokens: the search ends before a call that could exceed them."""

    prices: Path | None = None
    """Price table (default: the prices of genai-prices)."""


class LimitOptions(Options):
    """Budget and limits."""

    budget: Annotated[int, Field(ge=1, le=1_000_000)] | None = None
    """Number of evaluations (default: 100 without --time)."""

    seconds: Annotated[Seconds, Spelling(name="time")] | None = None
    """Charged time of all sessions: wall-clock, plus what looked-up evaluations took; 30m, 2h."""

    workers: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of evaluation processes (default: one a core, one on a GPU; or of all nodes)."""

    time_limit: Seconds | None = None
    """Time limit of one evaluation: 90s, 30m (default: the preset's)."""

    memory_limit: Annotated[Bytes, Field(ge=64 << 20)] | None = None
    """Memory limit of one evaluation: 900M, 4G (default: an equal share of free memory)."""

    heartbeat: Annotated[int, Field(ge=1)] = 30
    """Seconds between heartbeats of running trials, with --storage."""

    winners: Annotated[int, Field(ge=1)] = 3
    """Number of best trials that are repeated and tested at the end."""

    repeats: Annotated[int, Field(ge=0, le=100)] = 2
    """Number of other seeds with which the winners are repeated."""


class EvaluationOptions(Options):
    """Evaluation."""

    preset: PresetName = "cpu"
    """Cost of one evaluation."""

    objective: Objective = "mad"
    """Objective: accuracy on MAD tasks, or bits per byte of text."""

    corpus: tuple[Path, ...] = ()
    """Text for --objective language: .txt, .jsonl, .parquet or a folder; repeatable."""

    precision: PrecisionChoice = "auto"
    """Precision of activations; auto: the faster one on this machine."""

    device: DeviceChoice = "auto"
    """Device for training; auto: a GPU if there is one."""

    evaluator: Literal["proxy", "table"] = "proxy"
    """Evaluator: training on proxy tasks, or a benchmark table."""

    table: Path | None = None
    """Benchmark table of --evaluator table (default: the one in the package)."""

    store: Path | None = None
    """Evaluation store, an SQLite file (default: in your cache folder)."""


class FolderOptions(Options):
    """Run folder and study."""

    out: Path | None = None
    """Run folder (default: under runs/, named after the search)."""

    storage: Annotated[str, Spelling(metavar="URL")] | None = None
    """Database postgresql://… that workers on several machines share."""

    study: Annotated[str, Spelling(metavar="NAME")] | None = None
    """Name of the study in --storage (default: named after the search)."""

    force: bool = False
    """Replace another run in --out."""


class SearchOptions(
    ClusterOptions,
    FolderOptions,
    EvaluationOptions,
    LimitOptions,
    AgentOptions,
    MethodOptions,
    SpaceOptions,
):
    """Options of `aira-dsl search` and `aira_dsl.search`."""

    def check_method(self) -> None:
        """Refuse options of the other method.

        Raises:
            UsageError: E0809.
        """
        if self.method == "agent" and self.sampler is not None:
            raise UsageError(
                "E0809",
                "--sampler is an option of --method optuna",
                help="use --policy for an agent",
            )
        if self.method == "agent":
            return
        for name, field in AgentOptions.model_fields.items():
            if getattr(self, name) != field.default:
                raise UsageError(
                    "E0809",
                    f"--{name.replace('_', '-')} is an option of --method agent",
                    help="add --method agent",
                )
