"""results.tsv: what is kept, what is noise, and the memory of each row."""

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.design.result import DesignResult
from aira_dsl.design.results_tsv import COLUMNS, results_tsv
from aira_dsl.design.run import read_design_run
from aira_dsl.evaluation.direction import Direction
from tests.report.design_runs import write_run, written

# Baseline 2.0, mean of three; σ = 0.02 with two degrees of freedom, t = 4.303.
AGAINST_BASELINE = 4.303 * 0.02 * (1 + 1 / 3) ** 0.5  # 0.0994
AGAINST_ONE_SCORE = 4.303 * 0.02 * 2**0.5  # 0.1217


def rows(found: DesignResult) -> list[dict[str, str]]:
    """Read the text of results.tsv."""
    lines = results_tsv(found).splitlines()
    assert lines[0] == "\t".join(COLUMNS)
    return list(csv.DictReader(lines, delimiter="\t", quoting=csv.QUOTE_NONE))


def run_of(folder: Path, *scores: float | None, direction: Direction = Direction.MINIMIZE) -> Path:
    trials = [
        written(number, {"train.py": f"X = {number}\n"}, score=score, hypothesis=f"idea {number}")
        for number, score in enumerate(scores)
    ]
    return write_run(folder, trials, direction=direction).folder


@pytest.mark.parametrize("direction", list(Direction))
def test_a_score_is_kept_if_it_is_better_than_the_last_one_kept_beyond_noise(
    tmp_path: Path, direction: Direction
) -> None:
    gains = [
        AGAINST_BASELINE - 0.001,  # within noise of the baseline
        AGAINST_BASELINE + 0.001,
        AGAINST_BASELINE + AGAINST_ONE_SCORE,  # better than the last one by less than noise
        AGAINST_BASELINE + AGAINST_ONE_SCORE + 0.002,
        AGAINST_BASELINE + AGAINST_ONE_SCORE,  # worse than the last one
    ]
    scores = [2.0 + direction.sign * gain for gain in gains]
    run = read_design_run(run_of(tmp_path / "run", *scores, direction=direction))
    assert [row["status"] for row in rows(run.result)] == [
        *("keep", "discard", "keep", "discard", "keep", "discard")
    ]


def test_without_noise_every_better_score_is_kept(tmp_path: Path) -> None:
    run = read_design_run(run_of(tmp_path / "run", 1.999, 1.999, 1.998))
    log = rows(replace(run.result, noise=None))
    assert [row["status"] for row in log] == ["keep", "keep", "discard", "keep"]


def test_a_candidate_without_a_score_is_a_crash(tmp_path: Path) -> None:
    crashed, candidate = written(0, score=None, status="over time", message="over\ttime:\nlong")
    running, other = written(1, {"train.py": "X = 1\n"}, score=None, state="RUNNING")
    run = write_run(tmp_path / "run", [(crashed, candidate), (running, other)])
    assert rows(run.result)[1:] == [
        {
            "commit": candidate.identity[:7], "val_bpb": "0.000000", "memory_gb": "0.0",
            "status": "crash", "description": "over time: long",
        }
    ]  # fmt: skip


def test_memory_is_the_peak_of_each_row(tmp_path: Path) -> None:
    trial, candidate = written(0, score=1.5, facts={"peak_memory_bytes": 3 << 30})
    run = write_run(tmp_path / "run", [(trial, candidate)])
    assert [row["memory_gb"] for row in rows(run.result)] == ["0.0", "3.0"]  # an older folder
    path = run.folder / "baseline.json"
    content = json.loads(path.read_text(encoding="utf-8"))
    content["peak_memory_bytes"] = {"1": 2 << 30, "2": 5 << 29, "3": 1 << 30}
    path.write_text(json.dumps(content), encoding="utf-8")
    log = rows(read_design_run(run.folder).result)
    assert [(row["commit"], row["memory_gb"]) for row in log] == [
        ("start", "2.5"),
        (candidate.identity[:7], "3.0"),
    ]
