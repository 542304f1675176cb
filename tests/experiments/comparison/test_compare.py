"""Comparisons as users run them: whole, interrupted, killed, damaged."""

import json
import signal
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from tests.experiments.comparison.runs import planted_table
from tests.study.conftest import Cli, children, kill_hard

OPTIONS = (
    *("compare", "--evaluator", "table", "--table", "table.json", "--repeats", "1"),
    *("--methods", "random,agent-greedy", "--proposer", "scripted", "--seeds", "2"),
    *("--jobs", "2"),
)
COMPARE = (*OPTIONS, "--budget", "5")
WALL_CLOCK = ("seconds", "cached")


def verdict(folder: Path) -> dict[str, Any]:
    """Read a comparison without what depends on the clock."""
    record: dict[str, Any] = json.loads((folder / "comparison.json").read_text())
    for method in record["methods"].values():
        for run in method["runs"]:
            for name in WALL_CLOCK:
                run.pop(name)
    return record


def wait_for(process: subprocess.Popen[str], start: str) -> None:
    assert process.stderr is not None
    for line in process.stderr:
        if line.startswith(start):
            return
    raise AssertionError(f"it never said {start!r}")


def descendants(pid: int) -> list[int]:
    found = children(pid)
    return found + [each for child in found for each in descendants(child)]


def is_alive(pid: int) -> bool:
    try:
        return "Z" not in Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return False


def assert_all_end(pids: list[int]) -> None:
    deadline = time.monotonic() + 20
    while any(map(is_alive, pids)):
        assert time.monotonic() < deadline, "searches outlive their comparison"
        time.sleep(0.1)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a comparison that nobody disturbed; its table lies beside it."""
    folder = tmp_path_factory.mktemp("whole")
    planted_table(folder / "table.json")
    done = Cli(folder).run(*COMPARE, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert "random and agent-greedy" in done.stdout or "ends better than" in done.stdout
    return folder / "out"


@pytest.mark.slow
def test_a_comparison_is_made_of_searches_that_anybody_could_run(whole: Path, cli: Cli) -> None:
    found = verdict(whole)
    assert list(found["methods"]) == ["random", "agent-greedy"]
    for name, method in found["methods"].items():
        assert [run["seed"] for run in method["runs"]] == [0, 1]
        assert all(run["trials"] == 5 for run in method["runs"])
        assert {run["folder"] for run in method["runs"]} == {f"runs/{name}-s{s}" for s in (0, 1)}
    planted_table(cli.folder / "table.json")
    command = (whole / "runs/random-s1.log").read_text().splitlines()[0]
    assert command.startswith("$ aira-dsl search ")
    done = cli.run(*command.split()[2:-1], "alone")
    assert done.returncode == 0, done.stderr
    mine, theirs = (
        json.loads((folder / "trials.json").read_text())
        for folder in (cli.folder / "alone", whole / "runs/random-s1")
    )
    assert [row["layers"] for row in mine] == [row["layers"] for row in theirs]


@pytest.mark.slow
def test_the_same_command_starts_nothing_that_is_done_and_mends_what_is_damaged(
    whole: Path,
) -> None:
    cli, before = Cli(whole.parent), verdict(whole)
    logs = {path: path.read_text() for path in whole.glob("runs/*.log")}
    (whole / "comparison.json").unlink()
    damaged = whole / "runs/random-s0/trials.json"
    damaged.write_text(damaged.read_text()[:-40])
    done = cli.run(*COMPARE, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert verdict(whole) == before
    started = [path.stem for path, text in logs.items() if path.read_text() != text]
    assert started == ["random-s0"]


@pytest.mark.slow
def test_other_settings_are_refused_and_named_until_forced(whole: Path) -> None:
    cli, before = Cli(whole.parent), verdict(whole)
    done = cli.run(*OPTIONS, "--budget", "4", "--out", "out")
    assert done.returncode == 1
    assert "E0827" in done.stderr
    assert "budget: 5 and 4" in done.stderr
    assert verdict(whole) == before


@pytest.mark.slow
def test_an_interrupted_comparison_says_how_to_go_on_and_does(whole: Path, cli: Cli) -> None:
    planted_table(cli.folder / "table.json")
    process = cli.start(*COMPARE, "--out", "out")
    wait_for(process, "[0/4]")
    time.sleep(4)  # somewhere in its searches
    pids = descendants(process.pid)
    process.send_signal(signal.SIGINT)
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130
    assert "the same command continues" in stderr
    assert "Traceback" not in stderr
    assert_all_end(pids)
    assert not (cli.folder / "out/comparison.json").exists()
    done = cli.run(*COMPARE, "--out", "out")
    assert done.returncode == 0, done.stderr
    assert verdict(cli.folder / "out") == verdict(whole)


@pytest.mark.slow
def test_a_killed_comparison_leaves_nobody_behind_and_goes_on(whole: Path, cli: Cli) -> None:
    planted_table(cli.folder / "table.json")
    process = cli.start(*COMPARE, "--out", "out")
    wait_for(process, "[1/4]")
    pids = descendants(process.pid)
    kill_hard(process)
    done = cli.run(*COMPARE, "--out", "out")  # at once: its searches may still be letting go
    assert done.returncode == 0, done.stderr
    assert_all_end(pids)
    assert verdict(cli.folder / "out") == verdict(whole)


@pytest.mark.slow
def test_what_a_search_can_not_do_ends_the_comparison_with_its_words(cli: Cli) -> None:
    planted_table(cli.folder / "table.json")
    (cli.folder / "out/runs").mkdir(parents=True)
    (cli.folder / "out/runs/random-s0").write_text("in the way")
    done = cli.run(*COMPARE, "--out", "out")
    assert done.returncode == 3
    assert "E0829" in done.stderr
    assert "E0803" in done.stderr
    assert "Traceback" not in done.stderr
