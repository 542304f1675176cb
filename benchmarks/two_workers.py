"""Agent searches that two workers share through PostgreSQL: budget, trials and test scores.

    python -m benchmarks.two_workers --runs 30

Each run is one search of `--budget` trials with a scripted proposer: two processes with an
evaluation store each, a new database, real evaluations of a tiny space. The runs alternate between
the policies. A run is correct if both processes end with exit code 0 and the same trials, as many
as the budget; each is COMPLETE, or its proposals were refused as duplicates; no arrangement is
evaluated twice; and the test scores are those of the three best trials, none of which was there
before the last trial ended.
"""

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from pathlib import Path
from typing import Any

import optuna

from aira_dsl.study.storage import shared_address
from tests.study.conftest import TINY, Postgres

POLICIES = ("mcts", "evolution")
WINNERS = 3
SPACE = TINY.replace("slots 4", "slots 8")  # large enough that few proposals are duplicates


def start(folder: Path, url: str, policy: str, budget: int, seed: int) -> subprocess.Popen[bytes]:
    """Start one of the two workers in a folder of its own."""
    folder.mkdir(parents=True)
    (folder / "space.arch").write_text(SPACE, encoding="utf-8")
    command = [
        *(sys.executable, "-m", "aira_dsl", "search", "space.arch", "--preset", "smoke"),
        *("--method", "agent", "--policy", policy, "--proposer", "scripted"),
        *("--budget", budget, "--winners", WINNERS, "--repeats", 0, "--prune", 0),
        *("--workers", 1, "--seed", seed, "--store", "store.db", "--out", "run"),
        *("--storage", url, "--study", "shared"),
    ]
    with (folder / "log").open("wb") as log:
        return subprocess.Popen(list(map(str, command)), cwd=folder, stdout=log, stderr=log)


def is_tested_early(storage: optuna.storages.RDBStorage, budget: int) -> bool:
    """Return whether there are test scores although trials of the budget are still missing."""
    try:
        study = optuna.load_study(storage=storage, study_name="shared")
    except KeyError:  # not made yet
        return False
    if not study.user_attrs.get("test_scores"):
        return False
    return sum(trial.state.is_finished() for trial in study.trials) < budget


def check(folders: list[Path], budget: int) -> list[str]:
    """Return what is wrong with the trials that the two workers wrote."""
    tables: list[list[dict[str, Any]]] = [
        json.loads((folder / "run/trials.json").read_text(encoding="utf-8")) for folder in folders
    ]
    rows = tables[0]
    complete = [row for row in rows if row["state"] == "COMPLETE"]
    best = sorted(rows, key=lambda row: (-(row["score"] or 0), row["number"]))[:WINNERS]
    tested = {row["number"] for row in rows if row["test_score"] is not None}
    found = {
        "the workers disagree": tables[0] != tables[1],
        f"{len(rows)} trials": len(rows) != budget,
        "a trial is not COMPLETE": any(
            row["state"] != "COMPLETE" and row["status"] != "duplicate" for row in rows
        ),
        "an arrangement is repeated": len({row["fingerprint"] for row in complete})
        != len(complete),
        f"{len(tested)} test scores": len(tested) != WINNERS,
        "others than the best are tested": tested != {row["number"] for row in best},
    }
    return [text for text, is_wrong in found.items() if is_wrong]


def search(server: Postgres, folder: Path, policy: str, budget: int, seed: int) -> list[str]:
    """Run one search on two workers; return what is wrong with it."""
    url, folders = server.new_database(), [folder / "first", folder / "second"]
    workers = [start(each, url, policy, budget, seed) for each in folders]
    storage = optuna.storages.RDBStorage(shared_address(url))
    early = False
    try:
        while any(worker.poll() is None for worker in workers):
            early = early or is_tested_early(storage, budget)
            time.sleep(0.05)
    finally:
        for worker in workers:
            worker.kill()
        storage.remove_session()
        storage.engine.dispose()
    if codes := [worker.returncode for worker in workers if worker.returncode != 0]:
        return [f"exit codes {codes}, see {folder}"]
    return ["tested before the end"] * early + check(folders, budget)


def main() -> None:
    """Run the searches; print a line for each and a sum; exit with 1 if one is wrong."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--runs", type=int, default=30)
    parser.add_argument("--budget", type=int, default=14)
    options = parser.parse_args()
    correct, runs = Counter[str](), Counter[str]()
    base = Path(tempfile.mkdtemp(prefix="aira-dsl-two-workers-"))
    server = Postgres(Path(tempfile.mkdtemp(prefix="aira-dsl-postgres-")))
    try:
        for seed, policy in zip(range(options.runs), itertools.cycle(POLICIES), strict=False):
            begin = time.monotonic()
            wrong = search(server, base / str(seed), policy, options.budget, seed)
            runs[policy] += 1
            correct[policy] += not wrong
            print(
                f"{policy:>9}  seed {seed:2}  {time.monotonic() - begin:5.1f} s  "
                f"{'; '.join(wrong) or 'correct'}",
                flush=True,
            )
    finally:
        server.stop()
    for policy in runs:
        print(f"{policy:>9}  {correct[policy]} of {runs[policy]} correct")
    sys.exit(correct != runs)


if __name__ == "__main__":
    main()
