"""What each task of a preset costs, and how well it tells architectures apart.

    python benchmarks/tasks.py --preset cpu --seeds 3 --out benchmarks/results/cpu_tasks.json

Evaluates sixteen arrangements (the paper's nine searched bases, striped and pure baselines, random
ones) with several seeds and prints, for every task and for their mean:

    seconds     of one core, median over the arrangements; min and max
    mean, min, max   over the arrangements
    between     standard deviation between arrangements (of their means over seeds)
    noise       standard deviation between seeds of one arrangement
    reliability share of the variance of a one-seed score that is due to the arrangement
    rank        Spearman correlation between the rankings of two seeds, mean over pairs

Interrupted, the same command goes on; finished evaluations are kept in the store.
"""

import argparse
import itertools
import json
import os
import platform
import statistics
from contextlib import closing
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from aira_dsl.files import write_atomically
from aira_dsl.machine import available_cores
from aira_dsl.proxy.evaluation import Evaluation
from aira_dsl.proxy.evaluator import Evaluator
from aira_dsl.proxy.pool import Pool
from aira_dsl.proxy.presets import preset_settings
from aira_dsl.proxy.store import Store, default_store_path
from aira_dsl.space import Space
from aira_dsl.space.reference import BASELINES, BASES, layers_of

PATTERNS = {**BASES, **{n: BASELINES[n] for n in ("striped A-M", "striped Mb-M", "MLP only")}}
RANDOM = 4


def main() -> None:
    options = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    options.add_argument("--preset", default="cpu")
    options.add_argument("--seeds", type=int, default=3)
    options.add_argument("--workers", type=int, default=available_cores())
    options.add_argument("--out", type=Path)
    arguments = options.parse_args()

    space = Space.default()
    arrangements = layers_of(PATTERNS)
    for number, layers in enumerate(space.sample(RANDOM, seed=1)):
        arrangements[f"random {number + 1}"] = layers
    results = evaluate(space, arrangements, arguments)
    report = summarise(results, arrangements, arguments.preset)
    print(as_markdown(report))
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        write_atomically(arguments.out, json.dumps(report, indent=1, ensure_ascii=False) + "\n")


def evaluate(
    space: Space, arrangements: dict[str, tuple[str, ...]], arguments: argparse.Namespace
) -> dict[str, list[Evaluation]]:
    """Return the evaluations of every arrangement, one a seed, in the order of the seeds."""
    evaluator = Evaluator(preset_settings(arguments.preset), store=Store(default_store_path()))
    architectures = {name: space.architecture(layers) for name, layers in arrangements.items()}
    waiting = [
        (name, seed)
        for seed, name in itertools.product(range(arguments.seeds), architectures)
        if evaluator.recall(architectures[name], seed) is None
    ]
    jobs = dict(enumerate(waiting))
    done = 0
    pool = Pool(evaluator, workers=arguments.workers, time_limit=3600, memory_limit=4 << 30)
    with closing(pool):
        pending = list(jobs)
        while pending or pool.running:
            while pending and pool.free:
                name, seed = jobs[tag := pending.pop(0)]
                pool.submit(tag, architectures[name], seed)
            for tag, evaluation in pool.collect(1.0):
                done += 1
                name, seed = jobs[tag]
                print(
                    f"[{done}/{len(jobs)}] {name} seed {seed} {evaluation.status} "
                    f"{evaluation.score} {evaluation.seconds:.0f} s",
                    flush=True,
                )
    return {
        name: [
            found
            for seed in range(arguments.seeds)
            if (found := evaluator.recall(architecture, seed)) is not None
        ]
        for name, architecture in architectures.items()
    }


def summarise(
    results: dict[str, list[Evaluation]], arrangements: dict[str, tuple[str, ...]], preset: str
) -> dict[str, object]:
    """Turn evaluations into the statistics of the module's docstring."""
    names = [task.task for task in next(iter(results.values()))[0].tasks]
    columns: dict[str, np.ndarray] = {}
    seconds: dict[str, list[float]] = {}
    for index, name in enumerate(names):
        columns[name] = np.array(
            [[e.tasks[index].token_accuracy for e in results[a]] for a in arrangements]
        )
        seconds[name] = [
            statistics.median(e.tasks[index].seconds for e in results[a]) for a in results
        ]
    columns["mean of tasks"] = np.array([[e.score for e in results[a]] for a in arrangements])
    seconds["mean of tasks"] = [statistics.median(e.seconds for e in results[a]) for a in results]
    return {
        "preset": preset,
        "machine": f"{platform.machine()}, {os.cpu_count()} cores",
        "seeds": columns["mean of tasks"].shape[1],
        "arrangements": {name: "-".join(layers) for name, layers in arrangements.items()},
        "tasks": {name: statistics_of(columns[name], seconds[name]) for name in columns},
        "scores": {
            a: {name: columns[name][row].round(4).tolist() for name in columns}
            for row, a in enumerate(arrangements)
        },
    }


def statistics_of(scores_AS: np.ndarray, seconds_A: list[float]) -> dict[str, float]:
    """Describe one task's scores of A arrangements with S seeds."""
    seeds = scores_AS.shape[1]
    noise_variance = float(scores_AS.var(axis=1, ddof=1).mean())
    # The means over seeds still carry a share of the noise.
    between_variance = max(0.0, float(scores_AS.mean(axis=1).var(ddof=1)) - noise_variance / seeds)
    total = between_variance + noise_variance
    ranks = [
        float(spearmanr(scores_AS[:, i], scores_AS[:, j]).statistic)
        for i, j in itertools.combinations(range(seeds), 2)
    ]
    return {
        "seconds": statistics.median(seconds_A),
        "seconds_min": min(seconds_A),
        "seconds_max": max(seconds_A),
        "mean": float(scores_AS.mean()),
        "min": float(scores_AS.mean(axis=1).min()),
        "max": float(scores_AS.mean(axis=1).max()),
        "between": between_variance**0.5,
        "noise": noise_variance**0.5,
        "reliability": between_variance / total if total else 0.0,
        "rank": statistics.mean(ranks),
    }


def as_markdown(report: dict[str, object]) -> str:
    """Print the report as the tables of docs/proxy.md."""
    tasks, scores = report["tasks"], report["scores"]
    assert isinstance(tasks, dict)
    assert isinstance(scores, dict)
    lines = [
        f"{report['preset']}: {len(scores)} arrangements, {report['seeds']} seeds, "
        f"{report['machine']}",
        "",
        "| task | core-seconds (min-max) | mean | worst-best | between | noise | reliability "
        "| rank, seed to seed |",
        "|---|---|---|---|---|---|---|---|",
    ]
    for name, s in tasks.items():
        lines.append(
            f"| {name} | {s['seconds']:.0f} ({s['seconds_min']:.0f}-{s['seconds_max']:.0f}) "
            f"| {s['mean']:.3f} | {s['min']:.3f}-{s['max']:.3f} | {s['between']:.3f} "
            f"| {s['noise']:.3f} | {s['reliability']:.2f} | {s['rank']:.2f} |"
        )
    lines += ["", "| arrangement | mean of tasks | each seed |", "|---|---|---|"]
    order = sorted(scores, key=lambda a: -statistics.mean(scores[a]["mean of tasks"]))
    for name in order:
        values = scores[name]["mean of tasks"]
        each = ", ".join(f"{value:.3f}" for value in values)
        lines.append(f"| {name} | {statistics.mean(values):.3f} | {each} |")
    return "\n".join(lines)


if __name__ == "__main__":
    main()
