"""Run folders: what is refused, what is kept, what is replaced only when told."""

import json
from pathlib import Path

import pytest

from aira_dsl.errors import InputError, RunError
from aira_dsl.evaluation.noise import Noise
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.space import Space
from aira_dsl.study.noise import noise_text
from aira_dsl.study.run import read_run
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.settings import SearchSettings, default_sampler


def settings(seed: int = 0, **changes: object) -> SearchSettings:
    made = SearchSettings.of(
        Space.default(),
        sampler="tpe",
        seed=seed,
        prune=0.25,
        evaluator=preset_settings("smoke"),
        code="c0de",
    )
    return made.model_copy(update=changes)


def test_a_folder_is_locked_while_it_is_open_and_free_afterwards(tmp_path: Path) -> None:
    first = RunFolder(tmp_path / "run", settings())
    with pytest.raises(InputError) as caught:
        RunFolder(tmp_path / "run", settings())
    assert caught.value.code == "E0801"
    first.close()
    RunFolder(tmp_path / "run", settings()).close()


@pytest.mark.parametrize(
    ("other", "named"),
    [
        (settings(seed=1), "seed"),
        (settings(constraints=("A<=4",)), "constraints"),
        (settings(code_version="other"), "code_version"),
        (settings(evaluator_identity="other"), "evaluator_identity"),
    ],
)
def test_another_search_is_refused_with_the_difference_named(
    tmp_path: Path, other: SearchSettings, named: str
) -> None:
    RunFolder(tmp_path / "run", settings()).close()
    before = (tmp_path / "run/settings.json").read_text(encoding="utf-8")
    with pytest.raises(InputError) as caught:
        RunFolder(tmp_path / "run", other)
    assert caught.value.message.endswith(f"different: {named}")
    assert caught.value.code == "E0802"
    assert (tmp_path / "run/settings.json").read_text(encoding="utf-8") == before
    assert other.identity != settings().identity


def test_force_replaces_a_run_and_only_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", settings())
    folder.write("best.arch", "old")
    folder.close()
    (tmp_path / "run/best ideas.md").write_text("of years", encoding="utf-8")
    RunFolder(tmp_path / "run", settings(seed=1), force=True).close()
    assert not (tmp_path / "run/best.arch").exists()
    assert (tmp_path / "run/best ideas.md").read_text(encoding="utf-8") == "of years"
    assert json.loads((tmp_path / "run/settings.json").read_text(encoding="utf-8"))["seed"] == 1

    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.txt").write_text("years of work", encoding="utf-8")
    with pytest.raises(InputError) as caught:
        RunFolder(thesis, settings(), force=True)
    assert caught.value.code == "E0803"
    assert (thesis / "chapter.txt").read_text(encoding="utf-8") == "years of work"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99, "seed": 0}'])
def test_damaged_settings_and_other_formats_are_refused(tmp_path: Path, text: str) -> None:
    RunFolder(tmp_path / "run", settings()).close()
    (tmp_path / "run/settings.json").write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        RunFolder(tmp_path / "run", settings())
    assert caught.value.code in ("E0804", "E0802")
    assert (tmp_path / "run/settings.json").read_text(encoding="utf-8") == text


@pytest.mark.parametrize("place", ["file/run", "file", "/proc/run"])
def test_places_that_can_not_be_written_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("", encoding="utf-8")
    with pytest.raises((InputError, RunError)) as caught:
        RunFolder(tmp_path / place, settings())
    assert caught.value.code in ("E0803", "E0904")


def test_a_run_killed_while_it_wrote_its_first_file_can_be_started_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").touch()
    (run / ".aira-dsl-x1y2z3").write_text('{"format": 1, "met', encoding="utf-8")
    RunFolder(run, settings()).close()
    assert json.loads((run / "settings.json").read_text(encoding="utf-8"))["seed"] == 0


def test_time_is_kept_over_sessions(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", settings())
    assert folder.clock().seconds_before == 0
    folder.write_clock(12.5, 80.0)
    folder.close()
    again = RunFolder(tmp_path / "run", settings())
    clock = again.clock()
    assert (clock.seconds_before, clock.charged_before) == (12.5, 80.0)
    (folder.path / "clock.json").write_text(
        '{"seconds": 9}', encoding="utf-8"
    )  # of an earlier version
    assert again.clock().charged_before == 9
    again.close()


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"seconds": "9"}', '{"seconds": NaN}'])
def test_a_damaged_clock_is_refused(tmp_path: Path, text: str) -> None:
    with RunFolder(tmp_path / "run", settings()) as folder:
        (folder.path / "clock.json").write_text(text, encoding="utf-8")
        with pytest.raises(InputError) as caught:
            folder.clock()
    assert caught.value.code == "E0804"


def trial(**changes: object) -> str:
    known = {
        "number": 0, "state": "COMPLETE", "layers": ["A"], "pattern": "A", "fingerprint": "f",
        "score": 0.5, "test_score": None, "confirmed": None, "repeats": {}, "seconds": 1.0,
        "cached": False, "parameters": 1, "training_flops": 1, "status": "ok", "message": "",
        "tasks": {}, "operation": "", "parents": [], "hypothesis": "", "calls": [],
    }  # fmt: skip
    return json.dumps([known | changes])


def test_a_run_is_read_back(tmp_path: Path) -> None:
    with RunFolder(tmp_path / "run", settings()) as folder:
        folder.write("trials.json", trial(score=0.25))
        folder.write_clock(7.5, 9.0)
    run = read_run(tmp_path / "run")
    assert (run.settings, run.seconds, run.charged_seconds) == (settings(), 7.5, 9.0)
    assert [(trial.score, trial.layers) for trial in run.rows] == [(0.25, ("A",))]


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("settings.json", '{"format": 99}', "its format is 99, this version reads 1"),
        ("settings.json", "[]", "damaged"),
        ("trials.json", "", "damaged"),
        ("trials.json", "{}", "damaged"),
        ("trials.json", "[7]", "damaged"),
        ("trials.json", trial(score="high"), "damaged"),
        ("clock.json", "[]", "damaged"),
        ("noise.json", noise_text(Noise(0.1, 0.1, 2.5, "repeats", "")), "damaged"),
        ("trials.json", None, "it has no trials.json, which a run writes at its end"),
        ("settings.json", None, "settings.json cannot be read: No such file"),
    ],
)
def test_a_run_that_cannot_be_read_is_refused_with_the_reason(
    tmp_path: Path, name: str, text: str | None, reason: str
) -> None:
    with RunFolder(tmp_path / "run", settings()) as folder:
        folder.write("trials.json", trial())
        folder.write_clock(1, 1)
    file = tmp_path / "run" / name
    file.unlink() if text is None else file.write_text(text, encoding="utf-8")
    with pytest.raises(InputError) as caught:
        read_run(tmp_path / "run")
    assert caught.value.code == "E0811"
    assert reason in caught.value.message


@pytest.mark.parametrize("study", [None, b""])
def test_results_without_their_study_are_refused(tmp_path: Path, study: bytes | None) -> None:
    with RunFolder(tmp_path / "run", settings()) as folder:
        folder.check_study()  # a new run has neither
        folder.write("trials.json", "[]")
        if study is not None:
            (folder.path / "study.db").write_bytes(study)
        with pytest.raises(InputError) as caught:
            folder.check_study()
    assert caught.value.code == "E0804"
    assert "--force" in str(caught.value)
    with RunFolder(tmp_path / "run", settings(), force=True) as folder:
        folder.check_study()


def test_files_that_a_killed_write_left_are_removed(tmp_path: Path) -> None:
    RunFolder(tmp_path / "run", settings()).close()
    (tmp_path / "run/dialogues").mkdir()
    for name in (".aira-dsl-a1", "dialogues/.aira-dsl-b2"):
        (tmp_path / "run" / name).write_text("half a fi", encoding="utf-8")
    (tmp_path / "run/dialogues/0001.md").write_text("kept", encoding="utf-8")
    RunFolder(tmp_path / "run", settings()).close()
    assert sorted(path.name for path in (tmp_path / "run").rglob("*")) == [
        ".lock", "0001.md", "dialogues", "settings.json",
    ]  # fmt: skip


def test_the_default_sampler_follows_the_budget() -> None:
    assert [default_sampler(budget) for budget in (10, 300, 301, None)] == [
        "gp",
        "gp",
        "tpe",
        "tpe",
    ]
