"""Measured baselines: what is noted in metadata.yaml, and the table."""

import shutil
from pathlib import Path

import pytest

from aira_dsl.design.task import TASKS, load_task
from benchmarks.baselines import measured, table, write


def record(candidate: str, score: float, exponent: float) -> dict[str, object]:
    facts = {"memory_exponent": exponent, "time_exponent": 1.0}
    return {"candidate": candidate, "score": score, "facts": facts}


RECORDS = [record("torch_conv", 0.4, 0.9), record("torch_conv", 0.5, 1.1)]


def test_scores_are_noted_beside_those_of_other_sizes(tmp_path: Path) -> None:
    shutil.copytree(TASKS / "lra_listops", tmp_path / "task")
    path = tmp_path / "task" / "metadata.yaml"
    before = path.read_text(encoding="utf-8")
    write(load_task(tmp_path / "task"), measured(RECORDS, "paper"))
    write(load_task(tmp_path / "task"), measured(RECORDS[:1], "cpu"))
    write(load_task(tmp_path / "task"), measured(RECORDS, "cpu"))
    noted = load_task(tmp_path / "task").metadata.baselines["torch_conv"]
    assert set(noted) == {"paper", "cpu"}
    assert noted["cpu"].score == pytest.approx(0.45)
    assert noted["cpu"].noise == pytest.approx(0.0707, abs=1e-4)
    assert (noted["cpu"].repeats, noted["cpu"].memory_exponent) == (2, 1.0)
    text = path.read_text(encoding="utf-8")
    assert text.count("baselines:\n") == 1
    assert before.split("baselines:")[0] in text


def test_the_table_has_a_column_for_each_task() -> None:
    lines = table({"lra_text": measured(RECORDS, "cpu"), "lra_image": {}}, "cpu")
    assert lines == [
        "| baseline | lra_text | lra_image | memory | time |",
        "|---|---|---|---|---|",
        "| `torch_conv` | 0.45 ± 0.071 |  | 1.0 | 1.0 |",
    ]
