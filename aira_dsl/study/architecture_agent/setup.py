"""From what a user asks for to an agent: its place in the settings, and the source it becomes."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Self

from aira_dsl.agents.models import Proposer, Request, Usage, make_proposer
from aira_dsl.agents.prices import Caps, load_prices
from aira_dsl.errors import UsageError
from aira_dsl.evaluation.noise import score_noise
from aira_dsl.evaluation.presets import EvaluatorSettings
from aira_dsl.space import Space
from aira_dsl.study.architecture_agent.answers import AnswerRules
from aira_dsl.study.architecture_agent.prompt_files import PromptTemplates
from aira_dsl.study.architecture_agent.prompt_writer import EvaluatorFacts, PromptWriter
from aira_dsl.study.architecture_agent.source import AgentBudget, AgentSource
from aira_dsl.study.settings import (
    AgentSettings,
    Effort,
    PolicyName,
    ProposerName,
    SamplerName,
    SearchSettings,
)

REPAIRS = 2


@dataclass(frozen=True)
class AgentOptions:
    """What a user may ask of an agent; None for the default. Explained in `aira_dsl.search`."""

    policy: PolicyName | None = None
    proposer: ProposerName | None = None
    model: str | None = None
    effort: Effort | None = None
    base_url: str | None = None
    max_output: int | None = None
    prompts: str | Path | None = None
    prices: str | Path | None = None
    repairs: int = REPAIRS
    free: bool = False
    max_usd: float | None = None
    max_tokens: int | None = None


@dataclass(frozen=True)
class Preview:
    """What an agent would be asked first.

    Attributes:
        request: the call that would be made.
        most: more tokens than it can take.
        usd: what that would cost, None if the model's price is not known.
        model: who would be asked.
        prices: when the price table was right.
    """

    request: Request
    most: Usage
    usd: float | None
    model: str
    prices: date


@dataclass(frozen=True)
class Agent:
    """An agent that is ready to work.

    Attributes:
        settings: what makes it this agent.
        options: what was asked for.
        proposer: what answers.
        templates: its prompts.
    """

    settings: AgentSettings
    options: AgentOptions
    proposer: Proposer
    templates: PromptTemplates

    @classmethod
    def of(cls, space: Space, options: AgentOptions) -> Self:
        """Get an agent for a space.

        Raises:
            UsageError: E0812 to E0818, if prompts, key or proposer can not be had.
            InputError: E0813, for prompts that can not be used.
        """
        templates = PromptTemplates.load(options.prompts)
        name = options.proposer or "anthropic"
        proposer = make_proposer(
            name,
            space,
            model=options.model,
            effort=options.effort,
            base_url=options.base_url,
            max_output=options.max_output,
        )
        settings = AgentSettings(
            policy=options.policy or "greedy",
            proposer=name,
            model=proposer.model,
            effort=options.effort,
            repairs=options.repairs,
            free=options.free,
            prompts=templates.identity,
        )
        return cls(settings, options, proposer, templates)

    def source(self, space: Space, settings: SearchSettings, budget: int | None) -> AgentSource:
        """Return the agent as the source of a search, ready to be asked.

        Raises:
            UsageError: E0814 and others, if its proposer can not work; E0819, if its caps do not
                allow a single call.
        """
        self.proposer.open()
        source = self._source(space, settings, budget)
        _, usage, usd = source.first_call()
        if cap := source.means.caps.exceeded(usd, usage.total):
            price = "has no known price" if usd is None else f"may cost up to ${usd:.4f}"
            raise UsageError(
                "E0819",
                f"{cap} does not allow a single call: it {price} and may take {usage.total:,} "
                "tokens",
                help="raise it, lower --max-output, or give the model's price with --prices",
            )
        return source

    def preview(self, space: Space, settings: SearchSettings, budget: int | None) -> Preview:
        """Return what would be asked first."""
        source = self._source(space, settings, budget)
        request, most, usd = source.first_call()
        return Preview(request, most, usd, self.proposer.model, source.means.prices.date)

    def _source(self, space: Space, settings: SearchSettings, budget: int | None) -> AgentSource:
        told = EvaluatorFacts(_objective(settings.evaluator), score_noise(settings.evaluator))
        rules = AnswerRules(space, self.options.free)
        prompter = PromptWriter(self.templates, rules, told, self.proposer.memory, settings.seed)
        caps = Caps(self.options.max_usd, self.options.max_tokens)
        means = AgentBudget(budget, caps, load_prices(self.options.prices))
        return AgentSource(settings, self.proposer, prompter, means)


def require_method(method: str, sampler: SamplerName | None, options: AgentOptions) -> None:
    """Refuse options of the other method.

    Raises:
        UsageError: E0809.
    """
    if method == "agent" and sampler is not None:
        raise UsageError(
            "E0809", "--sampler is for --method optuna", help="an agent has a --policy"
        )
    if method != "agent" and options != AgentOptions():
        different = [
            name
            for name in AgentOptions.__dataclass_fields__
            if getattr(options, name) != getattr(AgentOptions(), name)
        ]
        raise UsageError(
            "E0809",
            f"--{different[0].replace('_', '-')} is for --method agent",
            help="add --method agent",
        )


def _objective(evaluator: EvaluatorSettings) -> str:
    """Say what is measured."""
    if evaluator.objective == "language":
        return "Bits per byte on text that was not trained on; lower is better."
    tasks = [
        f"- {run.task.name}: {(type(run.task).__doc__ or '').strip().splitlines()[0]}"
        for run in evaluator.runs
    ]
    return "\n".join(
        [
            "The mean, over these tasks, of the share of tokens predicted right on examples that "
            "were not trained on; higher is better, 1 is perfect.",
            *tasks,
        ]
    )
