"""The plan of a grid: every model, every run, and the order in which they are trained.

Runs are ordered by budget, then seed, then learning rate, then size, then design, so that what is
done at any moment compares all designs at the smallest budgets. A run trains as many whole steps as
its budget pays for by the real FLOPs of its design (`architecture.costs`, the paper's convention).
"""

from collections.abc import Iterator
from functools import cached_property
from pathlib import Path

from pydantic import BaseModel, ConfigDict, ValidationError

from aira_dsl.architecture import Architecture, cost
from aira_dsl.errors import InputError
from aira_dsl.language import load, to_text
from aira_dsl.pretraining.options import TrainOptions
from aira_dsl.pretraining.settings import TrainSettings
from aira_dsl.scaling.grid.corpus import Corpus
from aira_dsl.scaling.grid.grid import Budget, Grid, Size
from aira_dsl.scaling.grid.mistakes import mistakes
from aira_dsl.scaling.grid.sizes import sized
from aira_dsl.utils.formatting import humanized
from aira_dsl.utils.options import parse_count

GRID_SETTINGS = frozenset(
    {
        *("architecture", "data", "tokenizer", "validation", "context", "batch"),
        *("steps", "tokens", "flops", "seed", "learning_rate"),
    }
)
"""Settings of a training that follow from the grid."""


class _Model(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Model(_Model):
    """One design at one size.

    Attributes:
        design: name of the design.
        size: the wanted parameters.
        architecture: its text.
        pattern: its layers.
        width: its width.
        depth: number of its layers.
        parameters: its parameters without embeddings.
        flops_per_token: training FLOPs of a token at the context of the grid.
    """

    design: str
    size: int
    architecture: str
    pattern: str
    width: int
    depth: int
    parameters: int
    flops_per_token: int


class PlannedRun(_Model):
    """One training run.

    Attributes:
        id: its name, and that of its folder.
        design, size: its model.
        budget: nominal FLOPs.
        seed: of initial weights and data order.
        learning_rate: the rate; None for the tuned one of its model.
        steps, tokens, flops: what it trains; `flops` is at most the budget.
    """

    id: str
    design: str
    size: int
    budget: int
    seed: int
    learning_rate: float | None
    steps: int
    tokens: int
    flops: int

    @property
    def model(self) -> tuple[str, int]:
        """Design and size."""
        return self.design, self.size


class Plan(_Model):
    """A planned grid; the content of plan.json.

    Attributes:
        grid: the grid, with the paths of its data made absolute.
        corpus: the data.
        models: every design at every size that a budget trains.
        runs: every run in order; those that try learning rates have one.
    """

    grid: Grid
    corpus: Corpus
    models: tuple[Model, ...]
    runs: tuple[PlannedRun, ...]

    def model(self, run: PlannedRun) -> Model:
        """Return the model of a run."""
        return self.by_key[run.model]

    @cached_property
    def by_key(self) -> dict[tuple[str, int], Model]:
        """The models by design and size."""
        return {(each.design, each.size): each for each in self.models}


def make_plan(grid: Grid, corpus: Corpus, folder: Path) -> Plan:
    """Plan a grid.

    Args:
        grid: the grid.
        corpus: its data.
        folder: folder of the grid file, to which paths are relative.

    Raises:
        ArchitectureError: a design cannot be read.
        InputError: E1605, a design has no such size.
    """
    designs = {name: load(folder / path) for name, path in grid.designs.items()}
    used = {each for budget in grid.budgets for each in grid.sizes_of(budget)}
    sizes = sorted(used, key=lambda size: size.parameters)
    models = tuple(
        _model(name, design, size, grid, corpus)
        for name, design in designs.items()
        for size in sizes
    )
    plan = Plan(grid=grid, corpus=corpus, models=models, runs=())
    _check_training(plan)
    return plan.model_copy(update={"runs": tuple(_runs(plan))})


def read_plan(path: Path) -> Plan:
    """Read plan.json.

    Raises:
        InputError: E1607, it cannot be read or is damaged.
    """
    try:
        return Plan.model_validate_json(path.read_bytes())
    except OSError as error:
        reason = f"cannot be read: {error.strerror}"
    except ValidationError as error:
        place = ".".join(map(str, error.errors(include_url=False)[0]["loc"]))
        reason = f"is not a plan, or damaged{f' at {place}' if place else ''}"
    raise InputError("E1607", f"{path} {reason}", help="make it with `aira-dsl isoflop plan`")


def tuning_budgets(grid: Grid) -> dict[int, int]:
    """Return the budget at which the rates of each size are tried; without sizes that have none."""
    first: dict[int, int] = {}
    for budget in grid.ordered_budgets:
        for size in grid.sizes_of(budget):
            first.setdefault(size.parameters, budget.flops)
    limit = grid.tuning.up_to
    return {size: flops for size, flops in first.items() if limit is None or flops <= limit}


def run_id(run: tuple[str, int, int, int], learning_rate: float | None = None) -> str:
    """Return the name of a run of (design, size, budget, seed).

    Args:
        run: what it is.
        learning_rate: the rate, if the run tries one.
    """
    design, size, budget, seed = run
    tried = "" if learning_rate is None else f"-lr{learning_rate:g}"
    return f"{design}-{_short(size)}-{_flops(budget)}-s{seed}{tried}"


def _short(count: int) -> str:
    """Write a number short if that is exact."""
    text = humanized(count)
    return text if parse_count(text.replace(",", "_")) == count else f"{count}"


def _flops(budget: int) -> str:
    text = f"{budget:g}".replace("e+0", "e").replace("e+", "e")
    return text if int(float(text)) == budget else f"{budget}"


def planned(plan: Plan, run: tuple[str, int, int, int], learning_rate: float | None) -> PlannedRun:
    """Return a run with as many whole steps as its budget pays for."""
    design, size, budget, seed = run
    model, grid = plan.by_key[design, size], plan.grid
    step_tokens = grid.batch_of(budget) * grid.context
    steps = budget // (step_tokens * model.flops_per_token)
    tried = learning_rate if len(grid.learning_rates) > 1 else None
    return PlannedRun(
        id=run_id(run, tried),
        design=design,
        size=size,
        budget=budget,
        seed=seed,
        learning_rate=learning_rate,
        steps=steps,
        tokens=steps * step_tokens,
        flops=steps * step_tokens * model.flops_per_token,
    )


def settings_of(plan: Plan, run: PlannedRun, learning_rate: float) -> TrainSettings:
    """Return the settings of the training of a run."""
    return TrainSettings.model_validate(
        {
            **plan.grid.train,
            "architecture": plan.model(run).architecture,
            "data": plan.corpus.paths,
            "tokenizer": plan.corpus.tokenizer,
            "validation": plan.grid.validation,
            "context": plan.grid.context,
            "batch": plan.grid.batch_of(run.budget),
            "steps": run.steps,
            "seed": run.seed,
            "learning_rate": learning_rate,
        }
    )


def _check_training(plan: Plan) -> None:
    """Raise InputError E1601 if `train` holds what is not a setting, or what the grid sets."""
    given = plan.grid.train
    if own := sorted(given.keys() & GRID_SETTINGS):
        raise InputError(
            "E1601",
            f"train.{own[0]} is set by the grid",
            help=f"the grid sets {', '.join(sorted(GRID_SETTINGS))}",
        )
    try:
        TrainOptions.model_validate(given)
    except ValidationError as error:
        found = mistakes(error, TrainOptions, prefix="train.")
        help_text = "docs/options.md lists the settings of `train`"
        raise InputError("E1601", found, help=help_text) from None


def _model(name: str, design: Architecture, size: Size, grid: Grid, corpus: Corpus) -> Model:
    based = design.replace(vocab=corpus.vocab, context=grid.context)
    label = f"{name}_{humanized(size.parameters)}".replace(".", "_").replace("+", "_")
    found = sized(
        based, size.parameters, grid.proportions, how=size.how, factor=size.factor
    ).replace(name=label if label[0].isalpha() else f"m_{label}")
    costs = cost(found)
    return Model(
        design=name,
        size=size.parameters,
        architecture=to_text(found),
        pattern=found.pattern,
        width=found.width,
        depth=found.depth,
        parameters=costs.parameters,
        flops_per_token=costs.training_flops,
    )


def _runs(plan: Plan) -> Iterator[PlannedRun]:
    tuned = tuning_budgets(plan.grid)
    for budget in plan.grid.ordered_budgets:
        sizes = plan.grid.sizes_of(budget)
        for place, seed in enumerate(plan.grid.seeds_of(budget)):
            tries = {
                size: place == 0 and tuned.get(size.parameters) == budget.flops for size in sizes
            }
            rates = {size: _rates(plan.grid, budget, tries=tries[size]) for size in sizes}
            # The rates of a model are apart: processes that compile begin with different models.
            for nth in range(max(map(len, rates.values()))):
                for size in sizes:
                    for design in plan.grid.designs:
                        run = design, size.parameters, budget.flops, seed
                        for rate in rates[size][nth : nth + 1]:
                            yield planned(plan, run, rate)


def _rates(grid: Grid, budget: Budget, *, tries: bool) -> tuple[float | None, ...]:
    if tries or len(grid.learning_rates) == 1:
        return grid.learning_rates
    return (None,)
