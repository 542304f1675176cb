"""What a search is: the settings that make it this search and no other.

`identity` names the search. The same identity is the same study, whether it is continued tomorrow
or joined from another machine. Budget, workers and limits are no part of it: they may change.
"""

import hashlib
import json
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field

from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.space import Space

SamplerName = Literal["random", "tpe", "gp", "nsga2", "evolution"]
PolicyName = Literal["oneshot", "best-of-n", "greedy", "mcts", "evolution"]
ProposerName = Literal["anthropic", "local", "scripted"]
Effort = Literal["low", "medium", "high", "xhigh", "max"]

GP_BUDGET = 300
"""Up to this many evaluations the Gaussian process finds more than TPE (docs/search.md)."""


class Limits(BaseModel):
    """What a search may use; free to change when it is continued.

    Attributes:
        budget: evaluations in all, failures and repeats from the store included; None: no bound.
        seconds: wall-clock seconds in all sessions of this run folder; None: no bound.
        workers: evaluation processes on this machine.
        time_limit: seconds that one candidate may take.
        memory_limit: bytes that one candidate may allocate.
        heartbeat: seconds between signs of life of running trials, for searches on many machines.
        winners: how many of the best are repeated, and scored on the test split, at the end.
        repeats: with how many other seeds they are repeated before one is named the best.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    budget: Annotated[int, Field(ge=1, le=1_000_000)] | None
    seconds: Annotated[float, Field(gt=0)] | None
    workers: Annotated[int, Field(ge=1, le=1024)]
    time_limit: Annotated[float, Field(gt=0)]
    memory_limit: Annotated[int, Field(ge=64 << 20)]
    heartbeat: Annotated[int, Field(ge=1)] = 30
    winners: Annotated[int, Field(ge=1)] = 3
    repeats: Annotated[int, Field(ge=0, le=100)] = 2


class AgentSettings(BaseModel):
    """The agent of a search: a policy and a proposer.

    Attributes:
        policy: what decides what to do next.
        proposer: what does it.
        model: the proposer's model.
        effort: how much thought an answer should get; None for the model's own default.
        repairs: how many times a proposal that can not be used is handed back.
        free: whether block parameters may be proposed, too.
        prompts: hash of the prompt files.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    policy: PolicyName
    proposer: ProposerName
    model: str
    effort: Effort | None = None
    repairs: Annotated[int, Field(ge=0, le=10)] = 2
    free: bool = False
    prompts: str


class SearchSettings(BaseModel):
    """The identity of a search.

    Attributes:
        method: `optuna`, the classical samplers, or `agent`.
        sampler: which sampler; None for an agent.
        agent: which agent; None for a sampler.
        seed: seed of the sampler or policy and of every evaluation.
        prune: candidates among the worst share of all after two tasks or more are stopped.
        space: the arrangement space in JSON form.
        constraints: rules in text form.
        evaluator: objective, tasks, sizes and recipes.
        evaluator_identity: hash of what they mean; a corpus counts by its content.
        code_version: hash of the code that decides the numbers.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    method: Literal["optuna", "agent"] = "optuna"
    sampler: SamplerName | None = None
    agent: AgentSettings | None = None
    seed: Annotated[int, Field(ge=0, lt=1 << 32)]
    prune: Annotated[float, Field(ge=0, lt=1)]
    space: dict[str, Any]
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
        """Describe a search over `space`; `choices` are the other attributes."""
        return cls(
            **choices,
            space=space.definition.model_dump(mode="json"),
            constraints=tuple(map(str, space.constraints)),
            evaluator=evaluator,
            evaluator_identity=evaluator.identity(),
            code_version=code,
        )

    @property
    def identity(self) -> str:
        """Twelve hexadecimal digits; equal for searches that may share a study."""
        # Without what is None: a search by a sampler is the one it was before there were agents.
        known = self.model_dump(mode="json", exclude={"evaluator"}, exclude_none=True)
        text = json.dumps(known, sort_keys=True)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    @property
    def title(self) -> str:
        """A name for folders and studies, such as `aira-gp-cpu-s0-1f3a…`."""
        parts = (self.space["name"], self.searcher, self.evaluator.preset, f"s{self.seed}")
        return "-".join((*parts, self.identity))

    @property
    def searcher(self) -> str:
        """Who proposes: the sampler's name, or such as `agent-greedy-local`."""
        if self.agent is None:
            assert self.sampler is not None
            return self.sampler
        return f"agent-{self.agent.policy}-{self.agent.proposer}"


def default_sampler(budget: int | None) -> SamplerName:
    """Choose the sampler that finds most within a budget (measured; docs/search.md)."""
    return "gp" if budget is not None and budget <= GP_BUDGET else "tpe"
