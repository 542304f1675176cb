"""Settings of a training run, and the numbers that follow from them; needs no torch."""

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Self

from pydantic import Field

from aira_dsl.architecture import Architecture, Costs, cost
from aira_dsl.data.tokens.options import CorpusOptions
from aira_dsl.errors import UsageError
from aira_dsl.pretraining.options import TrainMachineOptions, TrainOptions, TrainRecordOptions

FREE = frozenset(
    {
        *TrainMachineOptions.model_fields.keys() - {"precision"},
        *TrainRecordOptions.model_fields.keys(),
        *CorpusOptions.model_fields.keys(),
        "data",
    }
)
"""Settings that may change when a run continues.

They change speed, records and the last bits of a sum. Text, and how it becomes tokens, is
identified by the tokens (`corpus` in settings.json), so that files may move.
"""


class TrainSettings(TrainOptions):
    """What one training run does, all sizes resolved but those that data or machine decide."""

    architecture: Annotated[str, Field(min_length=1)]
    """Text of the architecture, in the language of .arch files."""

    data: Annotated[tuple[Path, ...], Field(min_length=1)]
    """Text files and folders of these, or prepared data."""


@dataclass(frozen=True)
class TrainPlan:
    """Numbers that follow from settings.

    Attributes:
        architecture: the model.
        costs: its costs at the context of the training.
        context: tokens of a sequence.
        step_tokens: tokens of one optimizer step.
        steps: optimizer steps.
    """

    architecture: Architecture
    costs: Costs
    context: int
    step_tokens: int
    steps: int

    @classmethod
    def of(cls, settings: TrainSettings) -> Self:
        """Work out how long to train: as many whole steps as the budget pays for.

        Raises:
            ArchitectureError: the text breaks the language.
            UsageError: E1501, not exactly one budget is given; E1502, it pays for no step.
        """
        from aira_dsl.language import parse

        architecture = parse(settings.architecture)
        context = settings.context or architecture.context
        costs = cost(architecture, context=context)
        tokens = settings.batch * context
        steps = _steps(settings, tokens, costs.training_flops)
        return cls(architecture, costs, context, tokens, steps)

    @property
    def tokens(self) -> int:
        """Tokens of the whole training."""
        return self.steps * self.step_tokens

    def flops(self, steps: int) -> int:
        """Training FLOPs of a number of steps."""
        return steps * self.step_tokens * self.costs.training_flops


def identity(settings: TrainSettings, corpus: str) -> dict[str, Any]:
    """Return the content of settings.json.

    Args:
        settings: with the precision resolved.
        corpus: identity of the tokenized text.
    """
    return {**settings.model_dump(mode="json"), "corpus": corpus}


def differences(before: dict[str, Any], now: dict[str, Any]) -> list[str]:
    """Name what keeps a run from being continued with other settings.

    A setting that a folder lacks came later, and has its default there. A context that is not given
    is that of the architecture.
    """
    before = {**_defaults(), **before}
    if before["context"] != now["context"]:
        before, now = _with_context(before), _with_context(now)
    names = sorted((before.keys() | now.keys()) - FREE)
    return [
        name
        if name in ("architecture", "corpus")
        else f"{name}: {_written(before.get(name))} in the folder, {_written(now.get(name))} here"
        for name in names
        if before.get(name) != now.get(name)
    ]


def _defaults() -> dict[str, Any]:
    fields = TrainSettings.model_fields.items()
    return {name: field.default for name, field in fields if not field.is_required()}


def _with_context(settings: dict[str, Any]) -> dict[str, Any]:
    """Return settings with the context of the architecture if they have none."""
    from aira_dsl.language import parse

    context = settings["context"] or parse(settings["architecture"]).context
    return {**settings, "context": context}


def _written(value: Any) -> str:
    return "none" if value is None else f"{value}"


def _steps(settings: TrainSettings, step_tokens: int, flops_per_token: int) -> int:
    budgets = {"tokens": settings.tokens, "flops": settings.flops, "steps": settings.steps}
    given = {name: value for name, value in budgets.items() if value is not None}
    if len(given) != 1:
        raise UsageError(
            "E1501",
            "a training needs one budget, and "
            + (f"{' and '.join(f'--{name}' for name in given)} are" if given else "none is")
            + " given",
            help="give one of --tokens, --flops and --steps",
        )
    ((name, budget),) = given.items()
    price = {"tokens": step_tokens, "flops": step_tokens * flops_per_token, "steps": 1}[name]
    if budget < price:
        raise UsageError(
            "E1502",
            f"--{name} {budget:,.0f} does not pay for one step of {price:,} {name}",
            help="raise it, or take a smaller --batch",
        )
    return int(budget) // price
