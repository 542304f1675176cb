"""A design run from the command line: with the task that `design new` writes, in a real sandbox."""

import csv
import json
import random
import re
import shutil
import statistics
from pathlib import Path
from typing import Any

import pytest

from aira_dsl.sandbox.kinds import obstacle
from aira_dsl.study.run_folder import KIND
from aira_dsl.utils.folder import LOCK
from tests.study.conftest import Cli, cli, trials, wait_for_results

__all__ = ["cli"]

pytestmark = pytest.mark.skipif(
    obstacle("bubblewrap") is not None, reason=str(obstacle("bubblewrap"))
)

ROOT = Path(__file__).parents[2]
COMPARED = ("number", "state", "pattern", "fingerprint", "score", "status", "operation", "parents")


@pytest.fixture
def task(cli: Cli) -> Path:
    """A copy of the template, whose data are the same in every test."""
    assert cli.run_here("design", "new", "task").code == 0
    return cli.folder / "task"


def arguments(out: str, *more: object, policy: str = "greedy", budget: int = 8) -> tuple[Any, ...]:
    return (
        *("design", "run", "task", "--method", "agent", "--policy", policy),
        *("--proposer", "scripted", "--budget", budget, "--out", out),
        *("--data", "data", "--data-seed", 3, "--seed", 1, *more),
    )


def tree(folder: Path) -> list[dict[str, Any]]:
    return [{name: trial[name] for name in COMPARED} for trial in trials(folder)]


def log(folder: Path) -> list[dict[str, str]]:
    """Return the rows of results.tsv."""
    with (folder / "results.tsv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE))


@pytest.mark.slow
def test_a_run_finds_the_better_model_and_says_what_failed(cli: Cli, task: Path) -> None:
    done = cli.run_here(*arguments("run", "--format", "json"))
    assert done.code == 0, done.err
    found = json.loads(done.out)
    assert (found["trials"], found["size"], found["ended"]) == (8, "tiny", "")
    assert len(found["baseline"]) == 3
    assert found["improvement"]["significant"]
    # Two symbols decide 80 % of the text; one alone says next to nothing about it.
    assert found["test_score"] < 1.8
    assert min(found["baseline"].values()) > 2.4
    names = [path.name for path in (cli.folder / "run").iterdir()]
    assert [name for name in names if not KIND.writes(name)] == [LOCK]
    rows = trials(cli.folder / "run")
    reasons = {row["status"]: row["message"] for row in rows}
    assert "not causal" in reasons["refused"]
    assert "SMOOTHNESS" in reasons["crashed"]
    assert "[:, :-1]" in (cli.folder / "run" / "best" / "train.py").read_text(encoding="utf-8")
    for row in rows:
        if row["fingerprint"]:
            place = cli.folder / "run" / "candidates" / row["fingerprint"][:12]
            assert (place / "train.py").is_file()
    kept = [row["val_bpb"] for row in log(cli.folder / "run") if row["status"] == "keep"]
    assert kept[0] == f"{statistics.fmean(found['baseline'].values()):.6f}"
    assert len(kept) > 1
    assert [float(score) for score in kept] == sorted(map(float, kept), reverse=True)
    measured = json.loads((cli.folder / "run" / "baseline.json").read_text(encoding="utf-8"))
    assert all(peak > 1 << 20 for peak in measured["peak_memory_bytes"].values())
    assert measured["peak_memory_bytes"].keys() == found["baseline"].keys()
    page = (cli.folder / "run" / "report.html").read_text(encoding="utf-8")
    assert "changes against the starting files: train.py" in page
    again = cli.run_here(*arguments("run", "--format", "json"))  # nothing is left to do
    assert json.loads(again.out) == found
    assert cli.run_here("report", "run").out.count("unchanged") == 2


def test_proposals_of_the_starting_files_are_duplicates(cli: Cli, task: Path) -> None:
    """Without recorded answers and without constants the scripted proposer has nothing else."""
    shutil.rmtree(task / "library")
    script = task / "start" / "train.py"
    script.write_text(
        script.read_text(encoding="utf-8").replace("SMOOTHING", "smoothing"), encoding="utf-8"
    )
    done = cli.run_here(*arguments("run", "--baseline", 1, budget=2))
    assert done.code == 3
    assert "2 duplicate" in done.out
    assert [row["status"] for row in log(cli.folder / "run")] == ["keep", "crash", "crash"]


@pytest.mark.slow
@pytest.mark.parametrize("policy", ["greedy", "mcts"])
def test_killed_and_continued_is_the_same_tree(policy: str, cli: Cli, task: Path) -> None:
    """Kills at random moments: in the baseline, in a judgement, between two trials."""
    few = ("--repeats", 0, "--baseline", 1)
    whole, killed = (arguments(name, *few, policy=policy, budget=6) for name in ("whole", "killed"))
    assert cli.run_here(*whole).code == 0
    rng = random.Random(policy)
    for _ in range(3):
        process = cli.start(*killed)
        assert process.stderr is not None
        for _ in range(rng.randint(1, 3)):
            process.stderr.readline()
        process.kill()
        process.communicate()
    assert cli.run_here(*killed).code == 0
    assert tree(cli.folder / "killed") == tree(cli.folder / "whole")


@pytest.mark.slow
def test_an_interrupted_run_says_how_to_continue(cli: Cli, task: Path) -> None:
    process = cli.start(*arguments("run"))
    wait_for_results(process, 1)
    process.send_signal(2)
    _, err = process.communicate(timeout=900)
    assert process.returncode == 130
    assert "the same command continues the run" in err
    assert "Traceback" not in err


def test_a_folder_is_judged_as_in_a_run(cli: Cli, task: Path) -> None:
    shutil.copytree(task / "start", cli.folder / "mine")
    judged = cli.run_here("design", "judge", "task", "mine", "--format", "json")
    found = json.loads(judged.out)
    assert (judged.code, found["valid"], found["reasons"]) == (0, True, [])
    assert found["facts"]["parameters"] == 64
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    assert [name for name in found["facts"] if f"`{name}`" not in page] == ["reported_symbols"]
    (cli.folder / "mine" / "train.py").write_text("1 +", encoding="utf-8")
    judged = cli.run_here("design", "judge", "task", "mine", "--format", "json")
    found = json.loads(judged.out)
    assert (judged.code, found["valid"], found["score"]) == (1, False, None)
    assert "SyntaxError" in found["reasons"][0]


@pytest.mark.parametrize(
    ("arguments_", "code", "text"),
    [
        (("design", "judge", "task", "nowhere"), 1, "E1207"),
        (("design", "judge", "nothing", "task"), 2, "E1201"),
        (("design", "judge", "task", "task/start", "--size", "huge"), 2, "E1204"),
        (
            ("design", "judge", "task", "task/start", "--seed", "4294967296"),
            2,
            "at most 4294967295",
        ),
        (("design", "new", "task"), 1, "E1213"),
        (("design", "new", "task/start", "--force"), 1, "not a task"),
        (("design", "run", "task", "--free", "--proposer", "scripted"), 2, "E0809"),
    ],
)
def test_mistakes_have_codes(
    arguments_: tuple[str, ...], code: int, text: str, cli: Cli, task: Path
) -> None:
    done = cli.run_here(*arguments_)
    assert done.code == code
    assert text in done.err


def test_the_first_prompt_can_be_read_without_a_call(cli: Cli, task: Path) -> None:
    done = cli.run_here("design", "run", "task", "--proposer", "scripted", "--dry-run")
    assert done.code == 0
    assert "<<<<<<< SEARCH" in done.out
    assert "bits per symbol: lower is better" in done.out
    assert 'path="train.py"' in done.out


@pytest.mark.slow
def test_a_run_continues_from_files_of_ones_own(cli: Cli, task: Path) -> None:
    mine = cli.folder / "mine"
    shutil.copytree(task / "start", mine)
    (mine / "train.py").write_text(
        (mine / "train.py")
        .read_text(encoding="utf-8")
        .replace("SMOOTHING = 1.0", "SMOOTHING = 9.0"),
        encoding="utf-8",
    )
    done = cli.run_here(*arguments("run", "--start", "mine", "--format", "json", budget=1))
    found = json.loads(done.out)
    assert min(found["baseline"].values()) > 2.4
    (cli.folder / "empty").mkdir()
    (cli.folder / "empty" / "notes.txt").write_text("none", encoding="utf-8")
    assert cli.run_here(*arguments("x", "--start", "empty")).err.count("E1214") == 1
    assert cli.run_here(*arguments("x", "--start", "nowhere")).err.count("E1207") == 1
    other = cli.run_here(*arguments("run", budget=1))  # the same folder with other starting files
    assert "E0802" in other.err


def test_a_new_task_is_written_into_an_empty_folder_or_over_a_task(cli: Cli) -> None:
    (cli.folder / "my task").mkdir()
    done = cli.run_here("design", "new", "my task")
    assert "aira-dsl design judge 'my task' 'my task/start'" in done.out
    written = sorted(each.name for each in (cli.folder / "my task").iterdir())
    (cli.folder / "my task" / "notes.txt").write_text(
        "of the task that is replaced", encoding="utf-8"
    )
    assert cli.run_here("design", "new", "my task", "--force").code == 0
    assert sorted(each.name for each in (cli.folder / "my task").iterdir()) == written


def test_the_example_of_the_documentation_works(cli: Cli, task: Path) -> None:
    page = (ROOT / "docs" / "design.md").read_text(encoding="utf-8")
    for path, text in re.findall(r"^```python\n# (\S+\.py)\n(.*?)^```", page, re.M | re.S):
        (task / path).write_text(text, encoding="utf-8")
    (task / "description.md").write_text("Fit {{ points }} points.", encoding="utf-8")
    metadata = task / "metadata.yaml"
    text = metadata.read_text(encoding="utf-8").replace("train.py", "fit.py")
    settings = "settings: {points: 200, noise: 0.1}"
    metadata.write_text(re.sub(r"settings: .*", settings, text), encoding="utf-8")
    judged = cli.run_here("design", "judge", "task", "task/start", "--format", "json")
    found = json.loads(judged.out)
    assert 0.005 < found["score"] < 1  # the noise has a variance of 0.01
    assert found["facts"]["largest_error"] > 0.1
    (task / "start" / "fit.py").write_text(
        "import numpy as np\n\n\ndef fit(x, y):\n    return {'w': np.full(1, np.nan)}\n\n\n"
        "def predict(weights, x):\n    return x * weights['w']\n",
        encoding="utf-8",
    )
    judged = cli.run_here("design", "judge", "task", "task/start", "--format", "json")
    assert json.loads(judged.out)["status"] == "diverged"


def test_a_run_is_not_continued_with_other_data(cli: Cli, task: Path) -> None:
    prepare = task / "prepare.py"
    code = prepare.read_text(encoding="utf-8")
    text = cli.folder / "corpus.txt"
    text.write_text("one", encoding="utf-8")
    made_from = f"\n\ndef made_from(size):\n    return [Path({str(text)!r})]\n"
    prepare.write_text(f"from pathlib import Path\n{code}{made_from}", encoding="utf-8")
    assert cli.run_here(*arguments("run", "--baseline", 1, "--repeats", 0, budget=1)).code == 0
    text.write_text("another", encoding="utf-8")
    done = cli.run_here(*arguments("run", "--baseline", 1, "--repeats", 0, budget=2))
    assert (done.code, "E1216" in done.err) == (1, True)


def test_the_folder_of_a_search_is_not_that_of_a_run(cli: Cli, task: Path) -> None:
    first = cli.run_here("search", "--method", "optuna", "--evaluator", "table", "--budget", 1)
    assert first.code == 0, first.err
    (folder,) = (cli.folder / "runs").iterdir()
    done = cli.run_here(*arguments(str(folder), budget=1))
    assert done.code == 1
    assert "E0802" in done.err
    assert "different: kind search, not design" in done.err
