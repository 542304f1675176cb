"""What a comparison is: the settings that make it this one, and the searches they ask for."""

from collections.abc import Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.errors import UsageError
from aira_dsl.evaluation.choices import PresetName
from aira_dsl.study.options import PolicyName, ProposerName, SamplerName

AGENT = "agent-"
METHODS = (*get_args(SamplerName), *(AGENT + policy for policy in get_args(PolicyName)))
"""What can be compared: every sampler, and an agent by its policy."""


class ComparisonSettings(BaseModel):
    """The identity of a comparison; how many searches run at once is no part of it.

    Attributes:
        methods: of `METHODS`, in the order in which they are shown.
        seeds: searches of each method, with the seeds from 0.
        budget: evaluations of each search.
        preset: of the proxy evaluator.
        evaluator: who judges.
        table: identity of the table, if one judges.
        space: the arrangement space in JSON form; None for the evaluator's own.
        where: constraints.
        repeats: of the winners of a search, and one less than the final scores of each.
        proposer: of every agent; None if there is none.
        model: the proposer's; None for its own default.
        max_usd: what all agents together may spend; None: no bound.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    methods: tuple[str, ...]
    seeds: Annotated[int, Field(ge=1, le=1000)]
    budget: Annotated[int, Field(ge=1, le=1_000_000)]
    preset: PresetName = "cpu"
    evaluator: Literal["proxy", "table"] = "proxy"
    table: str | None = None
    space: dict[str, Any] | None = None
    where: tuple[str, ...] = ()
    repeats: Annotated[int, Field(ge=0, le=100)] = 2
    proposer: ProposerName | None = None
    model: str | None = None
    max_usd: Annotated[float, Field(gt=0)] | None = None

    @property
    def runs(self) -> list[tuple[str, int]]:
        """Method and seed of every search; all methods with one seed come before the next seed."""
        return [(method, seed) for seed in range(self.seeds) for method in self.methods]

    def options(self, method: str, seed: int) -> list[str]:
        """Return the options of `aira-dsl search` that this comparison decides."""
        shared = [
            *("--seed", str(seed), "--budget", str(self.budget), "--workers", "1"),
            *("--repeats", str(self.repeats), "--preset", self.preset),
            *("--evaluator", self.evaluator),
        ]
        for constraint in self.where:
            shared += ["--where", constraint]
        if not method.startswith(AGENT):
            return [*shared, "--sampler", method]
        return [*shared, *self._agent_options(method.removeprefix(AGENT))]

    def _agent_options(self, policy: str) -> list[str]:
        assert self.proposer is not None
        options = ["--method", "agent", "--policy", policy, "--proposer", self.proposer]
        options += ["--model", self.model] if self.model is not None else []
        if self.max_usd is not None:
            # Equal shares: what one agent leaves unspent must not make another one better.
            agents = self.seeds * sum(method.startswith(AGENT) for method in self.methods)
            options += ["--max-usd", f"{self.max_usd / agents:.6g}"]
        return options


def parse_methods(text: str) -> tuple[str, ...]:
    """Read such as `random,tpe,agent-greedy`.

    Raises:
        UsageError: E0825, for a name that is not in `METHODS`, or none.
    """
    names = tuple(dict.fromkeys(name.strip() for name in text.split(",") if name.strip()))
    unknown = [name for name in names if name not in METHODS]
    if unknown or not names:
        raise UsageError(
            "E0825",
            f"{unknown[0]!r} is no method" if unknown else "there is no method to compare",
            help=f"give --methods some of {', '.join(METHODS)}",
        )
    return names


def has_agents(methods: Sequence[str]) -> bool:
    """Tell whether one of the methods is an agent."""
    return any(method.startswith(AGENT) for method in methods)
