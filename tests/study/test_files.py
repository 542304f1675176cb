"""What a run folder shows people: the table in two forms, and the picture."""

import csv
import io
import json
from dataclasses import replace

import pytest

from aira_dsl.report.figures import best_so_far
from aira_dsl.study.table import Row, as_csv, as_json

OK = Row(
    number=0, state="COMPLETE", layers=("A", "M", "M"), pattern="A-2M", fingerprint="f0",
    score=0.5, test_score=None, seconds=1.5, cached=False, parameters=10, training_flops=20,
    status="ok", message="", tasks={"memorization": 0.5},
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


def test_both_forms_of_the_table_say_the_same() -> None:
    from_json = json.loads(as_json([OK, FAILED]))
    from_csv = list(csv.DictReader(io.StringIO(as_csv([OK, FAILED]))))
    assert [row["layers"] for row in from_json] == [["A", "M", "M"]] * 2
    assert [row["layers"] for row in from_csv] == ["A-M-M"] * 2
    assert [row["message"] for row in from_csv] == ["", 'loss "nan", step 3']
    assert [row["score"] for row in from_csv] == ["0.5", ""]
    assert [row["memorization"] for row in from_csv] == ["0.5", ""]
    assert {*from_csv[0]} - {*from_json[0]} == {"memorization"}
    assert list(from_csv[0])[:7] == [
        "number", "state", "layers", "pattern", "fingerprint", "score", "test_score",
    ]  # fmt: skip


@pytest.mark.parametrize(
    "rows",
    [[], [OK], [FAILED], [OK, FAILED, replace(OK, number=2, score=0.7, state="COMPLETE")]],
)
@pytest.mark.parametrize("direction", ["maximize", "minimize"])
def test_a_picture_is_drawn_of_any_table(rows: list[Row], direction: str) -> None:
    picture = best_so_far(rows, title="title", direction=direction)
    assert picture.startswith(b"\x89PNG")
    assert picture == best_so_far(rows, title="title", direction=direction)
