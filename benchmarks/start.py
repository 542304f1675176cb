"""CPU seconds that each command takes to start, as a Markdown table.

    python -m benchmarks.start                        # this installation
    python -m benchmarks.start --python OTHER/python  # another one beside it, in the same minutes

Each row is one command on a small input: a run folder of eight trials of the shipped table for the
commands that read runs. A figure is user and system time of the process, the least of `--rounds`;
the first round, which writes bytecode, is left out. The rounds of all installations alternate.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

EXAMPLE = Path(__file__).parent.parent / "examples" / "airaformer_d.arch"

COMMANDS: dict[str, tuple[str, ...]] = {
    "--help": ("--help",),
    "search --help": ("search", "--help"),
    "compare --help": ("compare", "--help"),
    "table --help": ("table", "--help"),
    "check FILE": ("check", str(EXAMPLE)),
    "fmt --check FILE": ("fmt", "--check", str(EXAMPLE)),
    "show FILE": ("show", str(EXAMPLE)),
    "diff FILE FILE": ("diff", str(EXAMPLE), str(EXAMPLE)),
    "explain E0211": ("explain", "E0211"),
    "space": ("space",),
    "space --sample 3": ("space", "--sample", "3"),
    "extrapolate FILE": ("extrapolate", str(EXAMPLE), "--to", "1b"),
    "compile --emit json FILE": ("compile", str(EXAMPLE), "--emit", "json"),
    "import megatron": ("import", "megatron", "M-M*-"),
    "notebook RUN": ("notebook", "run"),
    "report RUN": ("report", "run"),
    "aggregate RUN": ("aggregate", "run"),
    "table show": ("table", "show"),
    "search (8 trials of the table)": (
        *("search", "--evaluator", "table", "--sampler", "random", "--budget", "8"),
        *("--store", "store.db", "--out", "again", "--force"),
    ),
}


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--python", action="append", default=[], help="another interpreter")
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    pythons = [*given.python, sys.executable]
    with tempfile.TemporaryDirectory() as name:
        folders = [Path(name, str(place)) for place in range(len(pythons))]
        for python, folder in zip(pythons, folders, strict=True):
            _prepare(python, folder)
        print("| command |" + "".join(f" {python} |" for python in pythons))
        print("| --- |" + " ---: |" * len(pythons))
        for command, arguments in COMMANDS.items():
            seconds = [[] for _ in pythons]
            for round_ in range(given.rounds + 1):
                for place, (python, folder) in enumerate(zip(pythons, folders, strict=True)):
                    taken = _cpu_seconds(python, arguments, folder)
                    if round_:
                        seconds[place].append(taken)
            print(f"| `{command}` |" + "".join(f" {min(each):.2f} |" for each in seconds))


def _prepare(python: str, folder: Path) -> None:
    """Make the run folder that the reading commands are given."""
    folder.mkdir()
    search = ("search", "--evaluator", "table", "--sampler", "random", "--budget", "8")
    _cpu_seconds(python, (*search, "--store", "store.db", "--out", "run"), folder)


def _cpu_seconds(python: str, arguments: tuple[str, ...], folder: Path) -> float:
    """Run a command; return its user and system time in seconds."""
    before = os.times()
    done = subprocess.run(
        [python, "-m", "aira_dsl", *arguments], cwd=folder, capture_output=True, check=False
    )
    after = os.times()
    if done.returncode:
        raise SystemExit(f"{arguments} ended with {done.returncode}: {done.stderr.decode()}")
    return (
        after.children_user + after.children_system - before.children_user - before.children_system
    )


if __name__ == "__main__":
    main()
