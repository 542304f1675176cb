"""Milliseconds that a sandbox adds to the start and end of a process, as a Markdown table.

    python -m benchmarks.sandbox_start

Each round runs `python -I -c pass` once by itself and once in each sandbox of this machine, so that
other work on the machine slows all of them. On a busy machine, root can put `chrt -f 5` before the
command.
"""

import argparse
import subprocess
import sys
import time
from collections.abc import Callable
from functools import partial
from statistics import median

from aira_dsl.sandbox.kinds import available_kinds
from aira_dsl.sandbox.process import run
from aira_dsl.sandbox.spec import Spec

PROGRAM = (sys.executable, "-I", "-c", "pass")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=40)
    rounds = parser.parse_args().rounds
    kinds = [kind for kind, obstacle in available_kinds().items() if obstacle is None]
    ways: dict[str, Callable[[], object]] = {
        "no sandbox, `subprocess.run`": partial(subprocess.run, PROGRAM, check=True),
        **{f"`{kind}`": partial(run, Spec(PROGRAM), kind) for kind in kinds},
    }
    found: dict[str, list[float]] = {name: [] for name in ways}
    for _ in range(rounds):
        for name, way in ways.items():
            found[name].append(_milliseconds(way))
    _print(found)


def _milliseconds(way: Callable[[], object]) -> float:
    begin = time.perf_counter()
    way()
    return (time.perf_counter() - begin) * 1000


def _print(found: dict[str, list[float]]) -> None:
    alone = next(iter(found.values()))
    print("| | least ms | added | median ms | added | ratio |")
    print("| --- | ---: | ---: | ---: | ---: | ---: |")
    for name, values in found.items():
        cells = [f"{of(values):.0f} | {of(values) - of(alone):.0f}" for of in (min, median)]
        print(f"| {name} | {' | '.join(cells)} | {median(values) / median(alone):.2f} |")


if __name__ == "__main__":
    main()
