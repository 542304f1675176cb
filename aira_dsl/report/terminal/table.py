"""Reports of a table and of the sampler benchmark on it."""

import io
import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from aira_dsl.architecture import compress
from aira_dsl.evaluation.noise import table_noise
from aira_dsl.evaluation.table import SEPARATOR, Table
from aira_dsl.experiments.table_analysis import Analysis, analyse, ranks
from aira_dsl.utils.formatting import interval

if TYPE_CHECKING:
    from aira_dsl.experiments.sampler_benchmark import SamplerBenchmark

SHOWN = 10


def table_json(table: Table) -> dict[str, Any]:
    """Return what `table_text` says, for machines; the whole ranking too."""
    analysis, near = analyse(table), table_noise(table)
    means = dict(zip(table.rows, table.means_A.tolist(), strict=True))
    return {
        "space": table.definition.name,
        "preset": table.evaluator.preset,
        "precision": table.evaluator.precision,
        "identity": table.identity,
        "arrangements": len(table.rows),
        "complete": table.is_complete,
        "seeds": {int(n): int((table.seeds_A == n).sum()) for n in set(table.seeds_A)},
        "sittings": [sitting.model_dump() for sitting in table.sittings],
        "noise": _number(analysis.noise),
        "noise_near_best": near.value if near else None,
        "between": _number(analysis.between),
        "ceiling": _number(analysis.ceiling),
        "explained": analysis.explained,
        "ranking": [
            {"rank": rank, "layers": name, "score": means[name]}
            for name, rank in sorted(ranks(table).items(), key=lambda item: item[1])
        ],
    }


def table_text(table: Table, asked: Sequence[tuple[str, ...]] = ()) -> str:
    """Describe a table for people; the ranks of some arrangements, if they are asked for.

    Raises:
        InputError: E0643, if the table does not hold one of these.
    """
    analysis, places = analyse(table), ranks(table)
    means = dict(zip(table.rows, table.means_A.tolist(), strict=True))
    lines = [
        f"{table.definition.name}: {table.space.size:,} arrangements of {table.space.slots} slots; "
        f"preset {table.evaluator.preset} in {table.evaluator.precision}",
        table.extent,
        "",
        *_ranking(sorted(places, key=places.__getitem__)[:SHOWN], places, means),
        "…",
        *_ranking([max(places, key=places.__getitem__)], places, means)[1:],
        *_asked(table, asked, places, means),
        "",
        *_noise(table, analysis),
        "variance explained, of rows left out of the fit:",
        *(f"  {name:<20} {share:6.1%}" for name, share in analysis.explained.items()),
    ]
    return "\n".join(lines) + "\n"


def sampler_benchmark_json(benchmark: "SamplerBenchmark") -> dict[str, Any]:
    """Return the curves and what they end with."""
    return {
        "seeds": benchmark.seeds,
        "budget": benchmark.budget,
        "best": benchmark.best,
        "spread": benchmark.spread,
        "samplers": {
            sampler: {
                "mean_regret": regret_SB.mean(axis=0).round(6).tolist(),
                "interval": benchmark.mean(sampler, benchmark.budget)[1:],
                "found": benchmark.found(sampler),
            }
            for sampler, regret_SB in benchmark.regret_SB.items()
        },
    }


def sampler_benchmark_text(benchmark: "SamplerBenchmark") -> str:
    """Return the table of regrets, best sampler first."""
    places = sorted(
        {max(1, benchmark.budget // 4), max(1, benchmark.budget // 2), benchmark.budget}
    )
    heads = "".join(f"{f'after {place}':>26}" for place in places)
    lines = [
        f"{benchmark.seeds} searches each; regret: mean score of the true best "
        f"({benchmark.best:.4f}) minus that of what",
        "is held to be best, with its 95 % interval; standard deviation of the table: "
        f"{benchmark.spread:.4f}",
        "",
        f"{'sampler':<10}{heads}{'found':>9}",
    ]
    for sampler in sorted(
        benchmark.regret_SB, key=lambda s: benchmark.mean(s, benchmark.budget)[0]
    ):
        cells = ""
        for place in places:
            mean, low, high = benchmark.mean(sampler, place)
            cells += f"{interval(mean, low, high):>26}"
        lines.append(f"{sampler:<10}{cells}{benchmark.found(sampler):>9.0%}")
    return "\n".join(lines) + "\n"


def sampler_benchmark_picture(benchmark: "SamplerBenchmark") -> bytes:
    """Draw the mean regret against the evaluations spent, with 95 % intervals; a PNG."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(8, 4.5), layout="constrained")
    axes = figure.subplots()
    evaluations = range(1, benchmark.budget + 1)
    for sampler in benchmark.regret_SB:
        curve = [benchmark.mean(sampler, place) for place in evaluations]
        means, lows, highs = zip(*curve, strict=True)
        (line,) = axes.plot(evaluations, means, label=sampler, linewidth=2)
        axes.fill_between(evaluations, lows, highs, color=line.get_color(), alpha=0.2, linewidth=0)
    axes.set(
        xlabel="evaluations",
        ylabel="regret to the true best",
        title=f"{benchmark.seeds} searches each, mean and 95 % interval",
        ylim=(0, None),
    )
    axes.grid(alpha=0.25)
    axes.legend(frameon=False)
    picture = io.BytesIO()
    figure.savefig(picture, format="png", dpi=120, metadata={"Software": None})
    return picture.getvalue()


def _ranking(names: Sequence[str], places: dict[str, int], means: dict[str, float]) -> list[str]:
    rows = [f"{places[n]:6}  {means[n]:7.4f}  {compress(n.split(SEPARATOR))}" for n in names]
    return [f"{'rank':>6}  {'score':>7}  layers", *rows]


def _asked(
    table: Table,
    asked: Sequence[tuple[str, ...]],
    places: dict[str, int],
    means: dict[str, float],
) -> list[str]:
    """Return the ranks of what was asked for, best first."""
    for layers in asked:
        table.evaluation(layers, 0)  # refuses what the table does not hold
    names = sorted(map(SEPARATOR.join, asked), key=lambda name: places[name])
    return ["", *_ranking(names, places, means)] if names else []


def _noise(table: Table, analysis: Analysis) -> list[str]:
    near = table_noise(table)
    if near is None:
        return ["noise: not known with one seed", ""]
    return [
        f"noise between seeds {analysis.noise:.4f}; between arrangements {analysis.between:.4f}; "
        f"{analysis.ceiling:.1%} of the variance of the means is not noise",
        f"noise near the best: {near.value:.4f} (from {near.basis})",
        "",
    ]


def _number(value: float) -> float | None:
    return None if math.isnan(value) else value
