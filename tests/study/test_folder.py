"""Run folders: what is refused, what is kept, what is replaced only when told."""

import json
from pathlib import Path

import pytest

from aira_dsl.errors import InputError, RunError
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.space import Space
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
    before = (tmp_path / "run/settings.json").read_text()
    with pytest.raises(InputError) as caught:
        RunFolder(tmp_path / "run", other)
    assert caught.value.message.endswith(f"different: {named}")
    assert caught.value.code == "E0802"
    assert (tmp_path / "run/settings.json").read_text() == before
    assert other.identity != settings().identity


def test_force_replaces_a_run_and_only_a_run(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", settings())
    folder.write("best.arch", "old")
    folder.close()
    RunFolder(tmp_path / "run", settings(seed=1), force=True).close()
    assert not (tmp_path / "run/best.arch").exists()
    assert json.loads((tmp_path / "run/settings.json").read_text())["seed"] == 1

    thesis = tmp_path / "thesis"
    thesis.mkdir()
    (thesis / "chapter.txt").write_text("years of work")
    with pytest.raises(InputError) as caught:
        RunFolder(thesis, settings(), force=True)
    assert caught.value.code == "E0803"
    assert (thesis / "chapter.txt").read_text() == "years of work"


@pytest.mark.parametrize("text", ["", "{", "[]", "{}", '{"format": 99, "seed": 0}'])
def test_damaged_settings_and_other_formats_are_refused(tmp_path: Path, text: str) -> None:
    RunFolder(tmp_path / "run", settings()).close()
    (tmp_path / "run/settings.json").write_text(text)
    with pytest.raises(InputError) as caught:
        RunFolder(tmp_path / "run", settings())
    assert caught.value.code in ("E0804", "E0802")
    assert (tmp_path / "run/settings.json").read_text() == text


@pytest.mark.parametrize("place", ["file/run", "file", "/proc/run"])
def test_places_that_can_not_be_written_are_refused(tmp_path: Path, place: str) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises((InputError, RunError)) as caught:
        RunFolder(tmp_path / place, settings())
    assert caught.value.code in ("E0803", "E0904")


def test_a_run_killed_while_it_wrote_its_first_file_can_be_started_again(tmp_path: Path) -> None:
    run = tmp_path / "run"
    run.mkdir()
    (run / ".lock").touch()
    (run / ".aira-dsl-x1y2z3").write_text('{"format": 1, "met')
    RunFolder(run, settings()).close()
    assert json.loads((run / "settings.json").read_text())["seed"] == 0


def test_time_is_kept_over_sessions(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path / "run", settings())
    assert folder.seconds_used == 0
    folder.keep_time(12.5)
    folder.close()
    again = RunFolder(tmp_path / "run", settings())
    assert again.seconds_used == 12.5
    again.close()


def test_the_default_sampler_follows_the_budget() -> None:
    assert [default_sampler(budget) for budget in (10, 300, 301, None)] == [
        "gp",
        "gp",
        "tpe",
        "tpe",
    ]
