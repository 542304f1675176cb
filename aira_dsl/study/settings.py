"""Settings of a run: its identity, and its limits on one machine.

Runs with the same identity are one study, whether continued later or joined from another
machine. Budget, workers and limits are not part of it: they may change.
"""

import hashlib
import json
from abc import abstractmethod
from typing import Annotated, Any, ClassVar, Self

from pydantic import AfterValidator, Field

from aira_dsl.agents.models import ProposerName
from aira_dsl.agents.policies import PolicyName
from aira_dsl.architecture import SpaceDefinition
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.space import Space
from aira_dsl.study.options import (
    AgentIdentityOptions,
    LimitOptions,
    MethodOptions,
    PrunedShare,
    Seed,
)
from aira_dsl.study.samplers.families import SamplerName
from aira_dsl.utils.options import Options

GP_BUDGET = 300
"""Up to this many evaluations the Gaussian process finds more than TPE (docs/search.md)."""


class Limits(LimitOptions):
    """Resources of a search; free to change when it is continued.

    Attributes:
        budget: number of evaluations, failures and cached results included; None without a bound.
        seconds: wall-clock seconds of all sessions of this run folder; None without a bound.
        workers: evaluation processes on this machine.
        time_limit: seconds of one evaluation.
        memory_limit: bytes that one evaluation may allocate.
        heartbeat: seconds between heartbeats of running trials, for searches on many machines.
        winners: number of best trials that are repeated and tested at the end.
        repeats: number of other seeds with which they are repeated.
    """

    workers: Annotated[int, Field(ge=1, le=1024)]
    time_limit: Annotated[float, Field(gt=0)]
    memory_limit: Annotated[int, Field(ge=64 << 20)]


class AgentSettings(AgentIdentityOptions):
    """The agent of a search.

    Attributes:
        policy: chooses the next operation.
        proposer: service that answers.
        model: model of the proposer.
        effort: reasoning effort; None for the default of the model.
        repairs: number of times that a rejected proposal is returned.
        free: whether block parameters may be proposed, too.
        prompts: hash of the prompt files.
    """

    policy: PolicyName
    proposer: ProposerName
    model: str
    prompts: str


class RunSettings(Options):
    """The identity of a run: what a kind of run adds to it is searched by the same loop.

    Attributes:
        seed: seed of the sampler or policy, and of every evaluation.
        prune: worst fraction of trials that is pruned; 0 disables pruning.
        agent: the agent; None for a sampler.
    """

    kind: ClassVar[str]
    """Name of the kind of run."""

    seed: Seed = 0
    prune: PrunedShare = 0.0
    agent: AgentSettings | None = None

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits; equal for runs that may share a study."""
        # Without what is None: a search by a sampler is the one it was before there were agents.
        # `evaluator` is spelled out for people; another field identifies it.
        known = self.model_dump(mode="json", exclude={"evaluator"}, exclude_none=True)
        text = json.dumps(known, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """Name for folders and studies, such as `aira-gp-cpu-s0-1f3a…`."""
        return "-".join((self.subject, self.searcher, self.size, f"s{self.seed}", self.identity))

    @property
    def searcher(self) -> str:
        """Name such as `agent-greedy-local`; of a run without an agent, its sampler."""
        assert self.agent is not None
        return f"agent-{self.agent.policy}-{self.agent.proposer}"

    @property
    def test_seed(self) -> int:
        """Seed of the training that is scored on the test split."""
        return self.seed

    @property
    @abstractmethod
    def subject(self) -> str:
        """Name of what is searched."""

    @property
    @abstractmethod
    def size(self) -> str:
        """Name of the cost of one evaluation."""

    @property
    @abstractmethod
    def direction(self) -> Direction:
        """Which way scores get better."""

    @property
    @abstractmethod
    def tasks(self) -> int:
        """Number of tasks of an evaluation; after each but the last it may be pruned."""


def _checked_space(space: dict[str, Any]) -> dict[str, Any]:
    SpaceDefinition.model_validate(space)
    return space


class SearchSettings(RunSettings, MethodOptions):
    """The identity of a search.

    Attributes:
        method, seed, prune: as the options of a search.
        sampler: the sampler; None for an agent.
        agent: the agent; None for a sampler.
        space: the arrangement space in JSON form.
        constraints: constraints in text form.
        evaluator: objective, tasks, sizes and recipes.
        evaluator_identity: hash of these settings; a corpus counts by its content.
        code_version: hash of the code that decides the numbers.
    """

    kind = "search"

    space: Annotated[dict[str, Any], AfterValidator(_checked_space)]
    constraints: tuple[str, ...]
    evaluator: EvaluatorSettings
    evaluator_identity: str
    code_version: str

    @classmethod
    def of(
        cls,
        space: Space,
        *,
        evaluator: EvaluatorSettings,
        code: str,
        **choices: Any,
    ) -> Self:
        """Return the settings of a search in `space`; `choices` are the other attributes."""
        return cls(
            **choices,
            space=space.definition.model_dump(mode="json"),
            constraints=tuple(map(str, space.constraints)),
            evaluator=evaluator,
            evaluator_identity=evaluator.identity(),
            code_version=code,
        )

    @property
    def searcher(self) -> str:
        """Name of the sampler, or a name such as `agent-greedy-local`."""
        return self.sampler or super().searcher

    @property
    def subject(self) -> str:
        """Name of the space."""
        return str(self.space["name"])

    @property
    def size(self) -> str:
        """Name of the preset."""
        return self.evaluator.preset

    @property
    def direction(self) -> Direction:
        """Which way scores get better."""
        return self.evaluator.direction

    @property
    def tasks(self) -> int:
        """Number of tasks of an evaluation."""
        return len(self.evaluator.runs)


DEFAULT_SAMPLERS: tuple[SamplerName, ...] = ("gp", "tpe")
"""What `default_sampler` returns."""


def default_sampler(budget: int | None) -> SamplerName:
    """Return the sampler that finds the best trials within a budget (measured; docs/search.md)."""
    return "gp" if budget is not None and budget <= GP_BUDGET else "tpe"
