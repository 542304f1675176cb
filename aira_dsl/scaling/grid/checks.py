"""Whether a grid can answer its question, before anything runs."""

import math
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise

from aira_dsl.errors import InputError
from aira_dsl.scaling.grid.grid import Weakness
from aira_dsl.scaling.grid.plan import Model, Plan
from aira_dsl.utils.formatting import humanized, listed, plural

MIN_SIZES, MIN_BUDGETS = 3, 2
MIN_STEPS = 50
MARGIN = 1.25
"""The expected best size must be this far inside of the sizes of its budget."""


@dataclass(frozen=True)
class Problem:
    """A reason against a grid.

    Attributes:
        code: of the error.
        message: the reason.
        help: what to do.
        weakness: what its author may accept; None for what makes a fit impossible.
    """

    code: str
    message: str
    help: str
    weakness: Weakness | None = None


def check_plan(plan: Plan) -> list[Problem]:
    """Return the weaknesses that the author accepts.

    Raises:
        InputError: E1602, too few sizes, budgets or steps; E1603, an expected optimum at an edge;
            E1604, repeated data; E1606, one seed.
    """
    accepted = []
    for problem in _problems(plan):
        if problem.weakness not in plan.grid.accept or problem.weakness is None:
            help_text = problem.help
            if problem.weakness:
                help_text += f"; or accept it: `accept: [{problem.weakness}]`"
            raise InputError(problem.code, problem.message, help=help_text)
        accepted.append(problem)
    return accepted


def expected_optimum(plan: Plan, design: str, budget: int) -> float:
    """Return the parameters at which a budget pays for the expected tokens a parameter.

    FLOPs per token are interpolated between the sizes of the design, in logarithms.
    """
    models = sorted(_of(plan, design), key=lambda model: model.parameters)
    ratio = plan.grid.tokens_per_parameter
    costs = [(m.parameters, m.flops_per_token * m.parameters * ratio) for m in models]
    points = [(math.log(flops), math.log(size)) for size, flops in costs]
    wanted = math.log(budget)
    pieces = list(pairwise(points))
    (x0, y0), (x1, y1) = next((each for each in pieces if wanted <= each[1][0]), pieces[-1])
    return math.exp(y0 + (wanted - x0) * (y1 - y0) / (x1 - x0))


def _problems(plan: Plan) -> Iterator[Problem]:
    yield from _too_small(plan)
    yield from _too_close(plan)
    yield from _too_short(plan)
    yield from _edges(plan)
    yield from _repeated(plan)
    yield from _one_seed(plan)


def _too_small(plan: Plan) -> Iterator[Problem]:
    grid = plan.grid
    if len(grid.budgets) < MIN_BUDGETS:
        message = f"{plural(len(grid.budgets), 'budget')}; exponents need {MIN_BUDGETS}"
        yield Problem("E1602", message, "add budgets, at best over two decades")
    for budget in grid.ordered_budgets:
        if (count := len(grid.sizes_of(budget))) < MIN_SIZES:
            yield Problem(
                "E1602",
                f"budget {budget.flops:g} has {plural(count, 'size')}; a curve needs {MIN_SIZES}",
                "add sizes; with exactly three, a parabola has no residual: take five",
            )


def _too_close(plan: Plan) -> Iterator[Problem]:
    for design in plan.grid.designs:
        models = sorted(_of(plan, design), key=lambda model: model.size)
        for first, second in pairwise(models):
            if first.parameters == second.parameters:
                yield Problem(
                    "E1602",
                    f"sizes {humanized(first.size)} and {humanized(second.size)} of {design} are "
                    f"one model, of {humanized(first.parameters)} parameters",
                    "leave one of them out, or take sizes that differ more",
                )


def _too_short(plan: Plan) -> Iterator[Problem]:
    short = [run for run in plan.runs if run.steps < MIN_STEPS]
    if short:
        yield Problem(
            "E1602",
            f"{plural(len(short), 'run')} of fewer than {MIN_STEPS} steps: {short[0].id} has "
            f"{short[0].steps}",
            "leave the size out at this budget (`sizes` of the budget), or make the batch smaller",
        )


def _edges(plan: Plan) -> Iterator[Problem]:
    for budget in plan.grid.ordered_budgets:
        wanted = {size.parameters for size in plan.grid.sizes_of(budget)}
        bad = []
        for design in plan.grid.designs:
            sizes = [m.parameters for m in _of(plan, design) if m.size in wanted]
            best = expected_optimum(plan, design, budget.flops)
            if not min(sizes) * MARGIN <= best <= max(sizes) / MARGIN:
                bad.append(f"{design} {humanized(best)}")
        if bad:
            span = f"{humanized(min(wanted))} to {humanized(max(wanted))}"
            yield Problem(
                "E1603",
                f"budget {budget.flops:g}: the expected best size lies at an edge of the sizes "
                f"({span}), or outside: {listed(bad, 3)}",
                "add smaller or larger sizes at this budget, or correct `tokens_per_parameter`",
                "edge",
            )


def _repeated(plan: Plan) -> Iterator[Problem]:
    longest = max(plan.runs, key=lambda run: run.tokens)
    if longest.tokens > plan.corpus.tokens:
        yield Problem(
            "E1604",
            f"the corpus has {plan.corpus.tokens:,} tokens for training, and {longest.id} needs "
            f"{longest.tokens:,}: it would see tokens twice",
            "give more data, or leave out small sizes at large budgets",
            "repeated data",
        )


def _one_seed(plan: Plan) -> Iterator[Problem]:
    if all(len(plan.grid.seeds_of(budget)) < 2 for budget in plan.grid.budgets):
        yield Problem(
            "E1606",
            "every run has one seed: what the seed alone changes would be unknown",
            "give two `seeds`, at least at one budget",
            "one seed",
        )


def _of(plan: Plan, design: str) -> list[Model]:
    return [model for model in plan.models if model.design == design]
