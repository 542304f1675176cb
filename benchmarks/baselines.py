"""Scores and noise of the baselines of design tasks: the same files, trained with several seeds.

    python -m benchmarks.baselines [TASK …] --size cpu --seeds 3 --workers 2 --write

Prints a table, and with --write notes the scores under `baselines` in the metadata.yaml of each
task. A task that refuses quadratic memory only reports it here, so that full attention has a score.
Trainings are kept in --out, so that a stopped command continues; run it on a quiet machine, since
the training time is fixed. A baseline with a training that the clock has cut has no score: the
table says how many steps were made.
"""

import argparse
import re
import statistics
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from aira_dsl.design.task import METADATA, Task, task_names
from benchmarks.judged import TOO_SLOW, Setting, machine, record, setting

_BLOCK = re.compile(r"^baselines:\n(?:[ ].*\n|\n)*", re.MULTILINE)
_EXPONENTS = ("memory_exponent", "time_exponent")

Record = dict[str, Any]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("tasks", nargs="*", metavar="TASK")
    parser.add_argument("--size", default="cpu")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--only", nargs="+", metavar="NAME", help="baselines; default: all")
    parser.add_argument("--workers", type=int, default=1, help="candidates that train at a time")
    parser.add_argument("--seconds", type=float, help="training time, for a trial run")
    parser.add_argument("--data-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/baselines"))
    parser.add_argument("--write", action="store_true", help="note the scores in metadata.yaml")
    options = parser.parse_args()
    found = {}
    for name in options.tasks or task_names():
        chosen = _setting(name, options)
        found[name] = list(_records(chosen, options))
        if options.write:
            write(chosen.task, measured(found[name], options.size))
    print("\n".join(table(found)))


def _setting(name: str, options: argparse.Namespace) -> Setting:
    chosen = setting(
        name, options.size, options.out, data_seed=options.data_seed, seconds=options.seconds
    )
    metadata = chosen.task.metadata
    if metadata.subquadratic == "required":
        metadata = metadata.model_copy(update={"subquadratic": "reported"})
    return replace(chosen, task=replace(chosen.task, metadata=metadata))


def _records(chosen: Setting, options: argparse.Namespace) -> Iterator[Record]:
    """Yield the record of every baseline and seed; the baselines of a seed follow each other."""
    baselines = chosen.task.baselines()
    names = [name for name in baselines if not options.only or name in options.only]
    jobs = [(name, seed) for seed in range(options.seeds) for name in names]
    with ThreadPoolExecutor(options.workers) as pool:
        for each in pool.map(lambda job: record(chosen, job[0], baselines[job[0]], job[1]), jobs):
            if each["status"] not in ("ok", TOO_SLOW):
                raise SystemExit(f"{each['candidate']} has no score: {each['message']}")
            yield each


def measured(records: list[Record], size: str) -> dict[str, dict[str, dict[str, Any]]]:
    """Return the baselines as metadata.yaml has them, without those that were too slow."""
    return {
        name: {size: {**_score(each), "machine": machine(), **_exponents(each)}}
        for name, each in _by_candidate(records).items()
        if not _cut(each)
    }


def write(task: Task, found: dict[str, dict[str, dict[str, Any]]]) -> None:
    """Note scores in metadata.yaml: its block `baselines`, whose other entries stay."""
    path = task.folder / METADATA
    text = path.read_text(encoding="utf-8")
    baselines = yaml.safe_load(text).get("baselines", {})
    for name, sizes in found.items():
        baselines[name] = {**baselines.get(name, {}), **sizes}
    block = yaml.safe_dump({"baselines": dict(sorted(baselines.items()))}, sort_keys=False)
    path.write_text(_BLOCK.sub("", text).rstrip("\n") + "\n" + block, encoding="utf-8")


def table(found: dict[str, list[Record]]) -> list[str]:
    """Return a Markdown table: a row for each baseline, a column for each task.

    The last row has the least and the most seconds of a training that made all steps.

    Args:
        found: records of each task.
    """
    tasks = [_by_candidate(records) for records in found.values()]
    titles = ["baseline", *found, "memory", "time"]
    lines = [_row(titles), "|" + "---|" * len(titles)]
    for name in dict.fromkeys(name for task in tasks for name in task):
        columns = [task.get(name, []) for task in tasks]
        known = [_exponents(records) for records in columns if records]
        exponents = [[each[kind] for each in known if kind in each] for kind in _EXPONENTS]
        medians = [f"{statistics.median(each):.1f}" if each else "" for each in exponents]
        lines.append(_row([f"`{name}`", *map(_cell, columns), *medians]))
    return [*lines, _row(["seconds", *map(_seconds, found.values()), "", ""])]


def _by_candidate(records: list[Record]) -> dict[str, list[Record]]:
    names = dict.fromkeys(each["candidate"] for each in records)
    return {name: [each for each in records if each["candidate"] == name] for name in names}


def _cut(records: list[Record]) -> list[Record]:
    return [each for each in records if each["status"] == TOO_SLOW]


def _score(records: list[Record]) -> dict[str, Any]:
    scores = [each["score"] for each in records]
    return {
        "score": round(statistics.fmean(scores), 4),
        "noise": round(statistics.stdev(scores), 5) if len(scores) > 1 else 0.0,
        "repeats": len(scores),
    }


def _exponents(records: list[Record]) -> dict[str, float]:
    """Return the medians of the exponents that were measured."""
    return {
        name: round(statistics.median(each["facts"][name] for each in records), 2)
        for name in _EXPONENTS
        if name in records[0]["facts"]
    }


def _row(cells: list[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _cell(records: list[Record]) -> str:
    """Return a score with its noise, which one repeat has not, or the steps before the clock's."""
    if not records:
        return ""
    if cut := _cut(records):
        return f"{TOO_SLOW}: {cut[0]['message']}"
    score = _score(records)
    noise = f" ± {score['noise']:.2g}" if score["repeats"] > 1 else ""
    return f"{score['score']:.4g}{noise}"


def _seconds(records: list[Record]) -> str:
    taken = [each["facts"]["training_seconds"] for each in records if each["status"] == "ok"]
    return f"{min(taken):.0f} to {max(taken):.0f}" if taken else ""


if __name__ == "__main__":
    main()
