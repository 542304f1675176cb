"""The file of a grid: designs × sizes × budgets × learning rates × seeds, and their data."""

import os
import re
from fractions import Fraction
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    ValidationError,
    field_validator,
    model_validator,
)

from aira_dsl.errors import InputError
from aira_dsl.scaling.grid.mistakes import mistakes
from aira_dsl.scaling.grid.sizes import Proportions
from aira_dsl.utils.options import parse_count
from aira_dsl.utils.strict_yaml import parse_yaml

MAX_BYTES = 1 << 20

Weakness = Literal["edge", "repeated data", "one seed"]
"""A weakness of a grid that its author accepts."""


def _counted(value: Any) -> Any:
    """Return the whole number that a text such as `100k`, `1.6M` or `1e13` means."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return parse_count(str(value)) if isinstance(value, str | float) else value


def _named(value: str) -> str:
    """Return a name that is the name of a folder everywhere, or a part of one."""
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._+]{0,39}", value):
        raise ValueError(
            "must be 1 to 40 letters, digits, `.`, `_` and `+`, a letter or digit first, "
            f"not {value!r}"
        )
    return value


Count = Annotated[int, BeforeValidator(_counted), Field(strict=True, ge=1, le=10**24)]
Name = Annotated[str, AfterValidator(_named)]
Seeds = Annotated[tuple[Annotated[int, Field(ge=0, lt=1 << 32)], ...], Field(min_length=1)]
Batch = Annotated[int, Field(ge=1, le=1 << 20)]
Rates = Annotated[tuple[Annotated[float, Field(gt=0, le=10)], ...], Field(min_length=1)]


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Size(_Model):
    """A size: wanted parameters without embeddings; how the layers are extended for it.

    Attributes:
        parameters: the wanted number.
        how, factor: the layers are stretched or stacked by this before the width is chosen.
    """

    parameters: Count
    how: Literal["stretch", "stack"] = "stretch"
    factor: Annotated[Fraction, Field(gt=0, le=64)] = Fraction(1)


class Budget(_Model):
    """A budget: FLOPs of a run, and which sizes and seeds are trained with it.

    Attributes:
        flops: training FLOPs of each run.
        sizes: parameters of the sizes; None for all of the grid.
        seeds: seeds; None for those of the grid.
        batch: sequences of a training step; None for those of the grid.
    """

    flops: Count
    sizes: tuple[Count, ...] | None = None
    seeds: Seeds | None = None
    batch: Batch | None = None


class Tuning(_Model):
    """How the learning rate of a design at a size is chosen.

    At the smallest budget of the size all rates of the grid are tried with its first seed. While
    the best is the lowest or the highest, the next one in the same ratio is tried, too.

    Attributes:
        up_to: budget up to which rates are tried; sizes that only larger budgets have take the
            rate of the next smaller size of their design. None for no limit.
        extend: most rates that are added at each end.
    """

    up_to: Count | None = None
    extend: Annotated[int, Field(ge=0, le=8)] = 2


class Grid(_Model):
    """Everything that a grid file says.

    Attributes:
        name: name of the grid.
        designs: architecture files by name of the design, relative to the grid file.
        data: files and folders of the corpus, relative to the grid file.
        tokenizer: `bytes`, or the path of a tokenizer.json.
        validation: share of the documents that is held out.
        sizes: the sizes.
        budgets: the budgets.
        seeds: seeds of initial weights and data order.
        learning_rates: rates that are tried; with one, nothing is tuned.
        tuning: how one of several is chosen.
        proportions: dimensions of blocks by width.
        context: tokens of a sequence.
        batch: sequences of a training step.
        train: more settings of `aira-dsl train`, the same for all runs.
        tokens_per_parameter: expected ratio at the best size; used only to place the sizes.
        accept: weaknesses that are accepted.
    """

    name: Name
    designs: Annotated[dict[Name, str], Field(min_length=1)]
    data: Annotated[tuple[str, ...], Field(min_length=1)]
    tokenizer: str = "bytes"
    validation: Annotated[float, Field(gt=0, le=0.5)] = 0.01
    sizes: tuple[Size, ...]
    budgets: tuple[Budget, ...]
    seeds: Seeds = (0,)
    learning_rates: Rates
    tuning: Tuning = Tuning()
    proportions: Proportions = Proportions()
    context: Annotated[int, Field(ge=1, le=1 << 24)] = 256
    batch: Batch = 16
    train: dict[str, Any] = {}
    tokens_per_parameter: Annotated[float, Field(gt=0)] = 80.0
    accept: tuple[Weakness, ...] = ()

    @field_validator("sizes", "budgets", mode="before")
    @classmethod
    def _from_numbers(cls, values: Any, info: Any) -> Any:
        """Let a plain number stand for a size or a budget."""
        key = {"sizes": "parameters", "budgets": "flops"}[info.field_name]
        if not isinstance(values, list | tuple):
            return values
        return [each if isinstance(each, dict | BaseModel) else {key: each} for each in values]

    @field_validator("learning_rates")
    @classmethod
    def _ascending(cls, rates: tuple[float, ...]) -> tuple[float, ...]:
        return tuple(sorted(set(rates)))

    @model_validator(mode="after")
    def _agrees(self) -> "Grid":
        sizes = [each.parameters for each in self.sizes]
        budgets = [each.flops for each in self.budgets]
        for what, values in (("size", sizes), ("budget", budgets)):
            if len(set(values)) < len(values):
                raise ValueError(f"a {what} is there twice")
        for budget in self.budgets:
            unknown = sorted(set(budget.sizes or ()) - set(sizes))
            if unknown:
                raise ValueError(f"budget {budget.flops:g} has a size {unknown[0]:,} of no size")
        return self

    def sizes_of(self, budget: Budget) -> list[Size]:
        """Return the sizes that a budget trains, smallest first."""
        wanted = {size.parameters for size in self.sizes} if budget.sizes is None else budget.sizes
        chosen = [size for size in self.sizes if size.parameters in wanted]
        return sorted(chosen, key=lambda size: size.parameters)

    def seeds_of(self, budget: Budget) -> tuple[int, ...]:
        """Return the seeds that a budget trains."""
        return self.seeds if budget.seeds is None else budget.seeds

    def batch_of(self, flops: int) -> int:
        """Return the sequences of a training step at a budget."""
        budget = next(each for each in self.budgets if each.flops == flops)
        return self.batch if budget.batch is None else budget.batch

    @property
    def ordered_budgets(self) -> list[Budget]:
        """The budgets, smallest first."""
        return sorted(self.budgets, key=lambda budget: budget.flops)


def read_grid(path: Path) -> Grid:
    """Read a grid file.

    Raises:
        InputError: E1601, if it cannot be read, is not YAML, or a value in it is not valid; E0301,
            the file of a design is missing.
    """
    try:
        content = parse_yaml(_text(path))
    except ValueError as error:
        raise InputError("E1601", f"{path}: {error}") from None
    if not isinstance(content, dict):
        help_text = "begin with examples/isoflop/smoke.yaml"
        raise InputError("E1601", f"{path} holds no fields such as `designs:`", help=help_text)
    try:
        grid = Grid.model_validate(content)
    except ValidationError as error:
        raise InputError(
            "E1601",
            f"{path}: {mistakes(error, Grid, _NESTED)}",
            help="docs/isoflop.md lists the fields of a grid",
        ) from None
    _require_designs(grid, path)
    return grid


_NESTED: dict[str, type[BaseModel]] = {
    "sizes": Size,
    "budgets": Budget,
    "tuning": Tuning,
    "proportions": Proportions,
}


def _require_designs(grid: Grid, path: Path) -> None:
    for name, design in grid.designs.items():
        if not os.path.exists(path.parent / design):
            raise InputError(
                "E0301",
                f"{path}: design {name}: there is no file {path.parent / design}",
                help="paths are relative to the grid file",
            )


def _text(path: Path) -> str:
    try:
        if path.is_file() and path.stat().st_size > MAX_BYTES:
            raise InputError("E1601", f"{path} is larger than {MAX_BYTES >> 20} MiB")
        return path.read_text(encoding="utf-8")
    except OSError as error:
        raise InputError("E1601", f"{path} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise InputError("E1601", f"{path} is not UTF-8 text") from None
