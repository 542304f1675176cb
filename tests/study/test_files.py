"""What a run folder shows people: the table in two forms, and the picture."""

import csv
import io
import json
from dataclasses import replace
from pathlib import Path

import pytest

from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.noise import Noise
from aira_dsl.language import parse
from aira_dsl.report.figures import best_so_far
from aira_dsl.report.terminal.outcome import outcome_json, outcome_text
from aira_dsl.study.result import SearchResult
from aira_dsl.study.selection import mean
from aira_dsl.study.trials import Trial, as_csv, as_json

OK = Trial(
    number=0, state="COMPLETE", layers=("A", "M", "M"), pattern="A-2M", fingerprint="f0",
    score=0.5, test_score=None, confirmed=None, repeats={}, seconds=1.5, cached=False,
    parameters=10, training_flops=20, status="ok", message="", tasks={"memorization": 0.5},
)  # fmt: skip
FAILED = replace(
    OK,
    number=1,
    state="FAIL",
    score=None,
    status="diverged",
    message='loss "nan", step 3',
    tasks={},
)


def test_a_mean_of_repeats_leaves_no_failure_out() -> None:
    assert mean({"1": 0.5, "2": 0.7}) == pytest.approx(0.6)
    assert mean({"1": 0.5, "2": None}) is None
    assert mean({}) is None


def test_conclusions_are_printed() -> None:
    """Winners that differ by less than the noise of their repeats are named."""
    other = {"1": 0.58, "2": 0.60}
    rows = [
        replace(OK, confirmed=0.60, repeats={"1": 0.6, "2": 0.6}),
        replace(OK, number=1, pattern="M-2A", confirmed=0.59, repeats=other),
        replace(OK, number=2, pattern="3M", confirmed=0.40, repeats={"1": 0.4, "2": 0.4}),
        replace(OK, number=3, pattern="3A", score=0.9),
    ]
    noise = Noise(0.02, 0.02, 6.0, "repeats", "2 repeats of 3 architectures")
    best = parse("architecture best {\n width 16\n block A = attention { heads 2 }\n layers A\n}")
    result = SearchResult(
        best=best, score=0.5, confirmed=0.6, test_score=None, rows=rows,
        direction=Direction.MAXIMIZE,
        noise=noise, folder=Path("run"), ended="",
    )  # fmt: skip
    text = outcome_text(result)
    assert "not significantly different from the best (2 repeats): M-2A\n" in text
    assert "noise of a score between seeds: 0.0200 (from 2 repeats of 3 architectures)\n" in text
    quiet = replace(noise, value=0.001, unpaired=0.001)
    told = outcome_text(replace(result, noise=quiet))
    assert "the best is significantly better than the 2 other winners (2 repeats)\n" in told
    assert "the noise of a score is not known" in outcome_text(replace(result, noise=None))
    assert json.loads(outcome_json(result))["confirmed"] == 0.6
    assert json.loads(outcome_json(result))["noise"] == 0.02


def test_both_forms_of_the_table_say_the_same() -> None:
    from_json = json.loads(as_json([OK, FAILED]))
    from_csv = list(csv.DictReader(io.StringIO(as_csv([OK, FAILED]))))
    assert [row["layers"] for row in from_json] == [["A", "M", "M"]] * 2
    assert [row["layers"] for row in from_csv] == ["A-M-M"] * 2
    assert [row["message"] for row in from_csv] == ["", 'loss "nan", step 3']
    assert [row["score"] for row in from_csv] == ["0.5", ""]
    assert [row["memorization"] for row in from_csv] == ["0.5", ""]
    assert {*from_csv[0]} - {*from_json[0]} == {"memorization", "tokens", "usd"}
    assert list(from_csv[0])[:7] == [
        "number", "state", "layers", "pattern", "fingerprint", "score", "test_score",
    ]  # fmt: skip


def test_a_spreadsheet_reads_no_formula_out_of_a_hypothesis() -> None:
    row = replace(OK, hypothesis="=HYPERLINK(1)", message="fine")
    (cells,) = csv.DictReader(io.StringIO(as_csv([row])))
    assert (cells["hypothesis"], cells["message"]) == ("'=HYPERLINK(1)", "fine")


@pytest.mark.parametrize(
    "rows",
    [[], [OK], [FAILED], [OK, FAILED, replace(OK, number=2, score=0.7, state="COMPLETE")]],
)
@pytest.mark.parametrize("direction", Direction)
def test_a_picture_is_drawn_of_any_table(rows: list[Trial], direction: Direction) -> None:
    picture = best_so_far(rows, title="title", direction=direction)
    assert picture.startswith(b"\x89PNG")
    assert picture == best_so_far(rows, title="title", direction=direction)
