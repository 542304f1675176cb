"""Measured baselines: what is noted in metadata.yaml, and the table."""

import json
import shutil
from pathlib import Path

import pytest

from aira_dsl.design.data import prepare_data
from aira_dsl.design.judge import growth
from aira_dsl.design.task import TASKS, load_task
from benchmarks.baselines import measured, table, write
from benchmarks.judged import TOO_SLOW, Setting
from benchmarks.judged import record as judged_record
from tests.design.small_tasks import small_lra, with_steps


def record(candidate: str, score: float, exponent: float, seconds: float = 9) -> dict[str, object]:
    facts = {"memory_exponent": exponent, "time_exponent": 1.0, "training_seconds": seconds}
    return {"candidate": candidate, "status": "ok", "score": score, "facts": facts}


def cut(candidate: str) -> dict[str, object]:
    facts = {"memory_exponent": 2.0, "time_exponent": 2.0, "training_seconds": 300.0}
    return {"candidate": candidate, "status": TOO_SLOW, "message": "7 of 9 steps", "facts": facts}


RECORDS = [record("torch_conv", 0.4, 0.9, 8.2), record("torch_conv", 0.5, 1.1, 31.6)]
CUT = [record("torch_full", 0.7, 2.0), cut("torch_full")]


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
    assert table({"lra_text": RECORDS, "lra_image": []}) == [
        "| baseline | lra_text | lra_image | memory | time |",
        "|---|---|---|---|---|",
        "| `torch_conv` | 0.45 ± 0.071 |  | 1.0 | 1.0 |",
        "| seconds | 8 to 32 |  |  |  |",
    ]


def test_a_baseline_that_the_clock_has_cut_has_no_score() -> None:
    assert list(measured([*RECORDS, *CUT], "cpu")) == ["torch_conv"]
    assert table({"lra_text": [*RECORDS, *CUT]})[-2:] == [
        "| `torch_full` | too slow: 7 of 9 steps | 2.0 | 1.5 |",
        "| seconds | 8 to 32 |  |  |",
    ]


@pytest.mark.slow
def test_a_training_with_fewer_steps_is_kept_as_too_slow(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(growth, "measure", lambda session, lengths: None)
    task = small_lra("lra_listops")
    data = prepare_data(task, "cpu", seed=1, root=tmp_path)
    setting = Setting(task, "cpu", data, tmp_path / "records")
    made = judged_record(setting, "linear", with_steps(task.baselines()["torch_linear"], 3), 0)
    (path,) = setting.folder.glob("linear-*-seed0.json")
    assert made == json.loads(path.read_text(encoding="utf-8"))
    assert (made["status"], made["message"]) == (TOO_SLOW, "3 of 4 steps")
    assert "score" not in made
    told = f"linear, seed 0: too slow: 3 of 4 steps; if other work slowed it down, delete {path}"
    assert told in capsys.readouterr().out
