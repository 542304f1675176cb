"""The plan of a grid: its models, its budgets, and what it costs, as text and as JSON."""

from collections.abc import Sequence
from typing import Any

from aira_dsl.evaluation.latency.gpus import Gpu
from aira_dsl.scaling.grid.checks import Problem, expected_optimum
from aira_dsl.scaling.grid.plan import Plan, PlannedRun, tuning_budgets
from aira_dsl.scaling.grid.speed import UTILISATION, Speed, gpu_hours, total_core_hours
from aira_dsl.utils.formatting import humanized, plural
from aira_dsl.utils.machine import available_cores


def plan_json(
    plan: Plan, accepted: Sequence[Problem], speed: Speed, gpus: Sequence[Gpu] = ()
) -> dict[str, Any]:
    """Return the costs of a plan for scripts; the plan itself is in plan.json."""
    return {
        "name": plan.grid.name,
        "runs": len(plan.runs),
        "flops": sum(run.flops for run in plan.runs),
        "tokens": sum(run.tokens for run in plan.runs),
        "core_hours": total_core_hours(plan, plan.runs, speed),
        "speed": "measured" if speed.measured else "assumed",
        "gpu_hours": {gpu.name: gpu_hours(plan, gpu) for gpu in gpus},
        "corpus": plan.corpus.model_dump(),
        "accepted": [problem.message for problem in accepted],
        "designs": {
            name: _costs([run for run in plan.runs if run.design == name], plan, speed)
            for name in plan.grid.designs
        },
        "budgets": {
            f"{budget.flops}": _costs(_at(plan, budget.flops), plan, speed)
            for budget in plan.grid.ordered_budgets
        },
    }


def plan_text(
    plan: Plan, accepted: Sequence[Problem], speed: Speed, gpus: Sequence[Gpu] = ()
) -> str:
    """Return the plan for people."""
    lines = [
        *_head(plan),
        "",
        *_model_lines(plan),
        "",
        *_budget_lines(plan, speed),
        "",
        *_design_lines(plan, speed),
        "",
        *_time_lines(plan, speed),
        *(
            f"on {gpu.title}: {gpu_hours(plan, gpu):,.2f} hours at {UTILISATION:.0%} of its bf16 "
            "peak, an assumption that small models do not reach"
            for gpu in gpus
        ),
        *(f"accepted: {problem.message}" for problem in accepted),
    ]
    return "\n".join(lines) + "\n"


def _head(plan: Plan) -> list[str]:
    grid, longest = plan.grid, max(run.tokens for run in plan.runs)
    share = longest / plan.corpus.tokens
    said = "no token is seen twice" if share <= 1 else "tokens are seen more than once"
    return [
        f"{grid.name}: {plural(len(plan.runs), 'run')} of {plural(len(grid.designs), 'design')}, "
        f"{plural(len(grid.sizes), 'size')}, {plural(len(grid.budgets), 'budget')}",
        f"data: {humanized(plan.corpus.tokens)} tokens for training; the longest run takes "
        f"{humanized(longest)}, {share:.0%}: {said}",
        f"a step: {_batches(plan)} sequences of {grid.context} tokens",
        _tuning_line(plan),
    ]


def _batches(plan: Plan) -> str:
    batches = sorted({plan.grid.batch_of(budget.flops) for budget in plan.grid.budgets})
    return f"{batches[0]}" if len(batches) == 1 else f"{batches[0]} to {batches[-1]}"


def _tuning_line(plan: Plan) -> str:
    rates = plan.grid.learning_rates
    if len(rates) == 1:
        return f"learning rate: {rates[0]:g}, not tuned"
    tuned = tuning_budgets(plan.grid)
    sizes = ", ".join(humanized(size) for size in tuned)
    return (
        f"learning rates {', '.join(f'{rate:g}' for rate in rates)} at the smallest budget of "
        f"sizes {sizes}; up to {plan.grid.tuning.extend} more at an end that is best"
    )


def _model_lines(plan: Plan) -> list[str]:
    name = max(6, *(len(design) for design in plan.grid.designs))
    lines = [
        f"{'size':>8}  {'design':<{name}}{'width':>6}{'layers':>8}{'parameters':>12}"
        f"{'FLOPs/token':>13}{'per N':>7}"
    ]
    for model in sorted(plan.models, key=lambda model: model.size):
        lines.append(
            f"{humanized(model.size):>8}  {model.design:<{name}}{model.width:>6}{model.depth:>8}"
            f"{model.parameters:>12,}{humanized(model.flops_per_token):>13}"
            f"{model.flops_per_token / model.parameters:>7.1f}"
        )
    return lines


def _budget_lines(plan: Plan, speed: Speed) -> list[str]:
    lines = [
        f"{'budget':>8}{'sizes':>16}{'seeds':>7}{'runs':>6}{'steps':>16}{'tokens':>16}"
        f"{'best size, expected':>22}{'FLOPs':>10}{'core-hours':>12}{'so far':>9}"
    ]
    done = 0.0
    for budget in plan.grid.ordered_budgets:
        runs = _at(plan, budget.flops)
        hours = total_core_hours(plan, runs, speed)
        done += hours
        sizes = [run.size for run in runs]
        best = [expected_optimum(plan, name, budget.flops) for name in plan.grid.designs]
        lines.append(
            f"{budget.flops:>8.3g}{_span(sizes):>16}{len(plan.grid.seeds_of(budget)):>7}"
            f"{len(runs):>6}{_span([run.steps for run in runs]):>16}"
            f"{_span([run.tokens for run in runs]):>16}{_span(best):>22}"
            f"{sum(run.flops for run in runs):>10.3g}{hours:>12,.1f}{done:>9,.1f}"
        )
    return lines


def _design_lines(plan: Plan, speed: Speed) -> list[str]:
    name = max(6, *(len(design) for design in plan.grid.designs))
    lines = [f"{'design':<{name}}{'runs':>6}{'FLOPs':>10}{'tokens':>10}{'core-hours':>12}"]
    for design in plan.grid.designs:
        runs = [run for run in plan.runs if run.design == design]
        lines.append(
            f"{design:<{name}}{len(runs):>6}{sum(run.flops for run in runs):>10.3g}"
            f"{humanized(sum(run.tokens for run in runs)):>10}"
            f"{total_core_hours(plan, runs, speed):>12,.1f}"
        )
    return lines


def _time_lines(plan: Plan, speed: Speed) -> list[str]:
    hours, cores = total_core_hours(plan, plan.runs, speed), available_cores()
    flops = sum(run.flops for run in plan.runs)
    basis = (
        "by the speed of the runs that are done"
        if speed.measured
        else "at 0.1 TFLOP/s a core; small models are slower: plan again after the first runs"
    )
    return [
        f"in all {flops:.3g} FLOPs: {hours:,.1f} core-hours {basis}; "
        f"{hours / cores:,.1f} hours on the {plural(cores, 'core')} here"
    ]


def _costs(runs: Sequence[PlannedRun], plan: Plan, speed: Speed) -> dict[str, float]:
    return {
        "runs": len(runs),
        "flops": sum(run.flops for run in runs),
        "tokens": sum(run.tokens for run in runs),
        "core_hours": total_core_hours(plan, runs, speed),
    }


def _at(plan: Plan, budget: int) -> list[PlannedRun]:
    return [run for run in plan.runs if run.budget == budget]


def _span(values: Sequence[float]) -> str:
    low, high = humanized(min(values)), humanized(max(values))
    return low if low == high else f"{low}-{high}"
