"""Noise of the baselines of a design task: the same files, trained with several seeds.

    python -m benchmarks.baselines autoresearch --seeds 10

Prints the lines `baselines:` for the task's metadata.yaml. Trainings are kept in --out, so that a
stopped command continues; run it on a quiet machine, since the training time is fixed.
"""

import argparse
import statistics
from pathlib import Path

import yaml

from benchmarks.judged import machine, records, setting


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("task")
    parser.add_argument("--size", default="cpu")
    parser.add_argument("--seeds", type=int, default=10)
    parser.add_argument("--seconds", type=float, help="training time, for a trial run")
    parser.add_argument("--data-seed", type=int, default=0)
    parser.add_argument("--out", type=Path, default=Path("runs/baselines"))
    options = parser.parse_args()
    chosen = setting(
        options.task,
        options.size,
        options.out,
        data_seed=options.data_seed,
        seconds=options.seconds,
    )
    scores: dict[str, list[float]] = {}
    for record in records(chosen, chosen.task.baselines(), options.seeds):
        if record["status"] != "ok":
            raise SystemExit(f"{record['candidate']} has no score: {record['message']}")
        scores.setdefault(record["candidate"], []).append(record["score"])
    print(yaml.safe_dump({"baselines": measured(scores, options.size)}, sort_keys=False))


def measured(scores: dict[str, list[float]], size: str) -> dict[str, dict[str, dict[str, object]]]:
    """Return the baselines as metadata.yaml has them."""
    return {
        name: {
            size: {
                "score": round(statistics.fmean(values), 4),
                "noise": round(statistics.stdev(values), 5),
                "repeats": len(values),
                "machine": machine(),
            }
        }
        for name, values in scores.items()
    }


if __name__ == "__main__":
    main()
