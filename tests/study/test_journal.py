"""The journal through one suite on both of its storages."""

import contextlib
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from optuna.trial import TrialState

from aira_dsl.errors import AiraError, InputError
from aira_dsl.evaluation.direction import Direction
from aira_dsl.evaluation.presets import preset_settings
from aira_dsl.evaluation.result import Evaluation, TaskScore
from aira_dsl.space import Space
from aira_dsl.study.arrangements import Arrangements
from aira_dsl.study.journal import Journal
from aira_dsl.study.run_folder import RunFolder
from aira_dsl.study.settings import SearchSettings
from aira_dsl.study.storage import shared_address, without_password
from tests.study.conftest import Postgres

SPACE = Space.default()
Open = Callable[[], Journal]


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.slow)])
def open_journal(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Open]:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    if request.param == "postgresql":
        server: Postgres = request.getfixturevalue("postgres")
        url = shared_address(server.new_database())
    opened: list[Journal] = []

    def open_one() -> Journal:
        opened.append(
            Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
        )
        return opened[-1]

    yield open_one
    for journal in opened:
        journal.close()


def add(journal: Journal, index: int, evaluation: Evaluation | None = None) -> int:
    new = Arrangements(SPACE).new_trial(
        SPACE.architecture(SPACE.layers(index)), system_attrs={"mark": index}
    )

    def inside() -> int:
        journal.trials()
        return journal.add(new, evaluation).number

    return journal.exclusively(inside)


def result(score: float | None) -> Evaluation:
    task = TaskScore(
        task="memorization", token_accuracy=0.5, macro_accuracy=0.4, bits_per_token=1.0,
        training_loss=0.7, seconds=1.5,
    )  # fmt: skip
    status = "ok" if score is not None else "diverged"
    return Evaluation(
        fingerprint="f", seed=0, split="validation", status=status, score=score, tasks=(task,),
        seconds=2.0,
    )  # fmt: skip


def test_a_trial_is_added_whole_and_finished_once(open_journal: Open) -> None:
    journal = open_journal()
    assert add(journal, 7) == 0
    trial = journal.trials()[0]
    assert trial.state == TrialState.RUNNING
    assert tuple(trial.params.values()) == SPACE.layers(7)
    assert trial.system_attrs["mark"] == 7
    journal.finish(trial, result(0.75), cached=False)
    journal.finish(trial, result(0.10), cached=True)  # a late worker: the first result stands
    finished = open_journal().trials()[0]
    assert (finished.state, finished.value) == (TrialState.COMPLETE, 0.75)
    assert finished.user_attrs["memorization"] == 0.5
    assert finished.user_attrs["cached"] is False


def test_a_trial_with_a_known_result_is_added_finished(open_journal: Open) -> None:
    journal = open_journal()
    assert [add(journal, 1), add(journal, 2, result(0.5)), add(journal, 3)] == [0, 1, 2]
    running, finished, _ = open_journal().trials()
    assert journal.snapshot[1].value == 0.5
    assert (finished.state, finished.value) == (TrialState.COMPLETE, 0.5)
    assert finished.user_attrs["cached"] is True
    assert finished.user_attrs["evaluation"]["seconds"] == 2.0
    assert running.state == TrialState.RUNNING
    assert "status" not in running.user_attrs


def test_a_failure_is_a_finished_trial_without_a_value(open_journal: Open) -> None:
    journal = open_journal()
    add(journal, 0)
    journal.finish(journal.trials()[0], result(None), cached=False)
    trial = open_journal().trials()[0]
    assert (trial.state, trial.value) == (TrialState.FAIL, None)
    assert trial.user_attrs["status"] == "diverged"


def test_a_released_trial_is_an_orphan_until_it_is_claimed(open_journal: Open) -> None:
    first, second = open_journal(), open_journal()
    number = add(first, 3)
    first.trials()
    assert first.stale_trials({number}) == []
    first.release()

    def claim() -> None:
        second.trials()
        (stale,) = second.stale_trials(set())
        assert stale.number == number
        second.claim(stale)
        assert second.stale_trials({number}) == []

    second.exclusively(claim)


def test_an_interrupt_just_after_a_claim_does_not_keep_the_trial(
    open_journal: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = open_journal()
    write = first.storage.set_trial_user_attr

    def interrupted(*arguments: Any) -> None:
        write(*arguments)
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(first.storage, "set_trial_user_attr", interrupted)
        with pytest.raises(KeyboardInterrupt):
            add(first, 3)
    first.release()
    second = open_journal()
    assert second.trials()[0].user_attrs["worker"] == ""
    assert [trial.number for trial in second.stale_trials(set())] == [0]


def test_workers_that_open_a_study_together_share_it(open_journal: Open) -> None:
    first, second = open_journal(), open_journal()
    add(first, 1)
    add(second, 2)
    assert [trial.number for trial in first.trials()] == [0, 1]
    first.note("test_scores", {"f": 0.5})
    assert open_journal().noted("test_scores") == {"f": 0.5}


def test_a_study_belongs_to_the_search_that_made_it(open_journal: Open) -> None:
    first = open_journal()
    with pytest.raises(InputError) as caught:
        Journal(first.url, "study", identity="other", direction=Direction.MINIMIZE, heartbeat=60)
    assert caught.value.code == "E0806"
    Journal(
        first.url, "another", identity="other", direction=Direction.MINIMIZE, heartbeat=60
    ).close()


def test_a_file_that_is_not_a_study_is_refused_and_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    path.write_bytes(b"not a database" * 200)
    with pytest.raises(AiraError) as caught:
        Journal(
            f"sqlite:///{path}", "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60
        )
    assert caught.value.code == "E0805"
    assert path.read_bytes() == b"not a database" * 200


def test_a_study_of_another_optuna_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60).close()
    with sqlite3.connect(path) as connection:
        connection.execute("UPDATE alembic_version SET version_num = 'v99.0.0'")
        connection.execute("UPDATE version_info SET schema_version = 99")
    connection.close()
    with pytest.raises(InputError) as caught:
        Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    assert caught.value.code == "E0805"


def test_a_database_whose_making_was_killed_keeps_one_study(tmp_path: Path) -> None:
    """The tables are there, the index that keeps the names of studies unique is not."""
    url = f"sqlite:///{tmp_path / 'study.db'}"

    def opened() -> Journal:
        return Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)

    opened().close()
    with contextlib.closing(sqlite3.connect(tmp_path / "study.db")) as database:
        database.execute("DROP INDEX ix_studies_study_name")
        database.execute("DELETE FROM studies")
    numbers = []
    for index in range(2):
        journal = opened()
        numbers.append(add(journal, index))
        journal.close()
    assert numbers == [0, 1]


def test_a_study_in_a_folder_of_any_name_stays_there(tmp_path: Path) -> None:
    strange = tmp_path / "50%? {a} & #1"
    settings = SearchSettings.of(
        SPACE, sampler="random", seed=0, prune=0.0, evaluator=preset_settings("smoke"), code="c"
    )
    with closing(RunFolder(strange, settings)) as folder:
        url = folder.storage_url
    journal = Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    add(journal, 1)
    journal.close()
    assert (strange / "study.db").stat().st_size
    assert [path.name for path in tmp_path.iterdir()] == [strange.name]
    assert without_password(url) == str(strange / "study.db")


@pytest.mark.parametrize(
    "damage", ["DELETE FROM trial_values", "UPDATE trial_params SET param_value = 9"]
)
def test_damaged_rows_are_an_error_with_a_code(tmp_path: Path, damage: str) -> None:
    path = tmp_path / "study.db"
    url = f"sqlite:///{path}"
    journal = Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    add(journal, 1, result(0.5))
    journal.close()
    with sqlite3.connect(path) as connection:
        connection.execute(damage)
    connection.close()
    journal = Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    with pytest.raises(InputError) as caught:
        journal.records(1)
    assert caught.value.code == "E0805"
    assert "is damaged" in str(caught.value)
    journal.close()


def test_attributes_that_no_search_wrote_are_an_error_with_a_code(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'study.db'}"
    journal = Journal(url, "study", identity="i", direction=Direction.MAXIMIZE, heartbeat=60)
    add(journal, 1)
    journal.write(journal.trials()[0], {"evaluation": "none"})
    with pytest.raises(InputError) as caught:
        journal.records(1)
    assert caught.value.code == "E0805"
    journal.close()


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://user:secret@host/db",
        "postgresql://host/db?password=secret&user=u",
        "postgresql://host/db?sslpassword=secret",
        "postgresql://user:secret@ho st:port/db?password=secret",
    ],
)
def test_a_password_in_an_address_is_never_shown(url: str) -> None:
    assert "secret" not in without_password(url)
    assert "***" in without_password(url)
