"""Settings of a comparison: its identity, the searches it consists of, how it is carried out."""

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import Field

from aira_dsl.agents.models import ProposerName
from aira_dsl.agents.policies import POLICIES
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.study.options import SearchOptions, SpaceOptions
from aira_dsl.study.samplers.families import SAMPLERS
from aira_dsl.utils.options import Options, Spelling

AGENT = "agent-"
METHODS = (*SAMPLERS, *(AGENT + policy for policy in POLICIES))
"""Methods that can be compared: every sampler, and an agent by its policy."""


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

    model: Annotated[str, Spelling(metavar="NAME")] | None = None
    """Model of the proposer (default: its own)."""

    max_usd: Annotated[float, Field(ge=0.01)] | None = None
    """Maximum cost of all agents together."""


class ExecutionOptions(Options):
    """Execution; does not affect results."""

    out: Path
    """Folder of the comparison."""

    jobs: Annotated[int, Field(ge=1, le=1024)] | None = None
    """Number of searches at a time (default: one a core)."""

    table: Path | None = None
    """Benchmark table of --evaluator table (default: the one in the package)."""

    store: Path | None = None
    """Evaluation store, an SQLite file (default: in your cache folder)."""

    force: bool = False
    """Replace another comparison in --out."""


class ComparisonSettings(ComparedOptions):
    """The identity of a comparison.

    Attributes:
        methods: of `METHODS`, in the order in which they are shown.
        table: identity of the benchmark table; None for the proxy evaluator.
        space: the arrangement space in JSON form; None for the evaluator's own.
        proposer: proposer of every agent; None without agents.
    """

    methods: tuple[str, ...]
    table: str | None = None
    space: dict[str, Any] | None = None
    proposer: ProposerName | None = None

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Method and seed of every search; all methods with one seed come before the next seed."""
        return [(method, seed) for seed in range(self.seeds) for method in self.methods]

    def search_options(
        self, method: str, seed: int, execution: ExecutionOptions, out: Path
    ) -> SearchOptions:
        """Return the options of one search, which uses one worker."""
        return SearchOptions(
            **self._method(method),
            where=self.where,
            seed=seed,
            budget=self.budget,
            workers=1,
            repeats=self.repeats,
            preset=self.preset,
            evaluator=self.evaluator,
            table=execution.table,
            store=execution.store,
            out=out,
        )

    def _method(self, method: str) -> dict[str, Any]:
        if not method.startswith(AGENT):
            return {"sampler": method}
        # Equal shares: what one agent leaves unspent must not make another one better.
        agents = self.seeds * sum(map(is_agent, self.methods))
        return {
            "method": "agent",
            "policy": method.removeprefix(AGENT),
            "proposer": self.proposer,
            "model": self.model,
            "max_usd": None if self.max_usd is None else self.max_usd / agents,
        }


def parse_methods(text: str) -> tuple[str, ...]:
    """Return the methods of a text such as `random,tpe,agent-greedy`.

    Raises:
        UsageError: E0825, for a name that is not in `METHODS`, or none.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names:
        raise UsageError(
            "E0825",
            f"{unknown[0]!r} is not a method" if unknown else "there is no method to compare",
            help=f"give --methods some of {', '.join(METHODS)}",
        )
    return names


def is_agent(method: str) -> bool:
    """Return whether a method is an agent."""
    return method.startswith(AGENT)


def has_agents(methods: Sequence[str]) -> bool:
    """Return whether one of the methods is an agent."""
    return any(map(is_agent, methods))
